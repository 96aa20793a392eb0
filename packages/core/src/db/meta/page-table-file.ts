import { closeSync, fstatSync, openSync } from "node:fs";
import { CRC64, isValidPageSize, type TXID } from "@ls/ltx";
import type { FileOwner } from "../../replica-client.js";
import { type FileIdentity, readFully } from "../../sqlite/borrowed-files.js";
import type { RecordedPosition } from "../../wal/reader.js";
import { attempt, writeFileAtomic } from "./atomic-file.js";
import { PageTable } from "./page-table.js";

/** What a page table is the state of. */
export interface PageTableStamp {
  readonly txid: TXID;
  /** Time in the header of that TXID's file, ms. */
  readonly timestampMs: number;
  /** The database file; another one has another identity. */
  readonly identity: FileIdentity;
  /** Absent when the state was not tied to a WAL. */
  readonly wal?: RecordedPosition | undefined;
}

export type PageTableLoad =
  | { readonly status: "loaded"; readonly table: PageTable; readonly stamp: PageTableStamp }
  | { readonly status: "absent" }
  /** Unusable: to be built again, never to be trusted in part. */
  | { readonly status: "damaged"; readonly reason: string };

/** "LSPT", version 1. */
const MAGIC = 0x4c535054;
const VERSION = 1;
/** Written in host order: a table of another byte order does not read as this. */
const ORDER_MARK = 0x01020304;
const HEADER_SIZE = 96;
const CHECKSUM_SIZE = 8;
/** SQLite's largest database, in pages. */
const MAX_COMMIT = 0xffff_fffe;
const HAS_WAL = 1;
const HAS_WAL_CHECKSUM = 2;

/**
 * Writes table and stamp: the file is whole and durable, or the old one stays.
 * @throws {@link LSError} `LS_DISK_FULL`, `LS_STORAGE_DENIED`, `LS_STORAGE_UNAVAILABLE`
 */
export function savePageTable(path: string, table: PageTable, stamp: PageTableStamp, owner: FileOwner): void {
  const header = encodeHeader(table, stamp);
  const words = table.words;
  const body = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const crc = new CRC64();
  crc.update(header);
  crc.update(body);
  const checksum = new Uint8Array(CHECKSUM_SIZE);
  new DataView(checksum.buffer).setBigUint64(0, crc.digest(), false);
  writeFileAtomic(path, [header, body, checksum], owner);
}

/**
 * Reads a table back. Its size is checked against the file's before memory is taken for it.
 * @throws {@link LSError} only when the file exists and cannot be read at all.
 */
export function loadPageTable(path: string): PageTableLoad {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { status: "absent" };
    return attempt("open", path, () => {
      throw error;
    });
  }
  try {
    return attempt("read", path, () => read(fd));
  } finally {
    closeSync(fd);
  }
}

function read(fd: number): PageTableLoad {
  const size = fstatSync(fd).size;
  const header = new Uint8Array(HEADER_SIZE);
  if (readFully(fd, header, 0) < HEADER_SIZE) return damaged("shorter than its header");
  const view = new DataView(header.buffer);
  if (view.getUint32(0, false) !== MAGIC || view.getUint32(4, false) !== VERSION) return damaged("not a page table of this version");
  if (new Uint32Array(header.buffer, 8, 1)[0] !== ORDER_MARK) return damaged("written on a machine of another byte order");
  const pageSize = view.getUint32(12, false);
  const commit = view.getUint32(16, false);
  if (!isValidPageSize(pageSize) || commit > MAX_COMMIT) return damaged("impossible page size or page count");
  if (size !== HEADER_SIZE + commit * 8 + CHECKSUM_SIZE) return damaged(`${size} bytes do not fit ${commit} pages`);
  const hashes = new BigUint64Array(commit);
  const body = new Uint8Array(hashes.buffer);
  const checksum = new Uint8Array(CHECKSUM_SIZE);
  if (readFully(fd, body, HEADER_SIZE) < body.byteLength || readFully(fd, checksum, HEADER_SIZE + body.byteLength) < CHECKSUM_SIZE) return damaged("cut short");
  const crc = new CRC64();
  crc.update(header);
  crc.update(body);
  if (crc.digest() !== new DataView(checksum.buffer).getBigUint64(0, false)) return damaged("wrong checksum");
  const stamp = decodeStamp(view);
  return { status: "loaded", table: PageTable.from({ txid: stamp.txid, pageSize, commit, hashes }), stamp };
}

function damaged(reason: string): PageTableLoad {
  return { status: "damaged", reason };
}

function encodeHeader(table: PageTable, stamp: PageTableStamp): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE);
  const view = new DataView(header.buffer);
  view.setUint32(0, MAGIC, false);
  view.setUint32(4, VERSION, false);
  new Uint32Array(header.buffer, 8, 1)[0] = ORDER_MARK;
  view.setUint32(12, table.pageSize, false);
  view.setUint32(16, table.commit, false);
  const { wal } = stamp;
  view.setUint32(20, (wal === undefined ? 0 : HAS_WAL) | (wal?.checksum === undefined ? 0 : HAS_WAL_CHECKSUM), false);
  view.setBigUint64(24, stamp.txid, false);
  view.setFloat64(32, stamp.timestampMs, false);
  view.setBigUint64(40, BigInt.asUintN(64, stamp.identity.dev), false);
  view.setBigUint64(48, BigInt.asUintN(64, stamp.identity.ino), false);
  if (wal !== undefined) {
    view.setUint32(56, wal.salt1, false);
    view.setUint32(60, wal.salt2, false);
    view.setUint32(64, wal.frame, false);
    view.setInt32(68, wal.checksum?.s0 ?? 0, false);
    view.setInt32(72, wal.checksum?.s1 ?? 0, false);
  }
  return header;
}

function decodeStamp(view: DataView): PageTableStamp {
  const flags = view.getUint32(20, false);
  const wal: RecordedPosition = {
    salt1: view.getUint32(56, false),
    salt2: view.getUint32(60, false),
    frame: view.getUint32(64, false),
    checksum: (flags & HAS_WAL_CHECKSUM) === 0 ? undefined : { s0: view.getInt32(68, false), s1: view.getInt32(72, false) },
  };
  return {
    txid: view.getBigUint64(24, false),
    timestampMs: view.getFloat64(32, false),
    identity: { dev: view.getBigUint64(40, false), ino: view.getBigUint64(48, false) },
    wal: (flags & HAS_WAL) === 0 ? undefined : wal,
  };
}
