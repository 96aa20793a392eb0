import { LTXError, type LTXErrorCode } from "./error.js";
import { CHECKSUM_FLAG, isValidPageSize, LTX_HEADER_SIZE, LTX_NO_CHECKSUM } from "./format.js";
import type { TXID } from "./txid.js";

/** The decoded file header. */
export interface LTXHeader {
  /** 0 or {@link LTX_NO_CHECKSUM}. */
  readonly flags: number;
  /** Database page size in bytes, a power of two from 512 to 65536. */
  readonly pageSize: number;
  /** Database size after the file is applied, in pages. 0 for a database that was emptied. */
  readonly commit: number;
  /** First transaction in the file, at least 1. A file with 1 here holds every page of the database. */
  readonly minTXID: TXID;
  /** Last transaction in the file. */
  readonly maxTXID: TXID;
  /** Milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  /** Database checksum before the file is applied; 0 without checksum tracking and when `minTXID` is 1. */
  readonly preApplyChecksum: bigint;
  /** Byte offset of the frames in the WAL they came from; 0 if they came from no WAL. */
  readonly walOffset: number;
  /** Bytes of WAL the file covers. */
  readonly walSize: number;
  readonly walSalt1: number;
  readonly walSalt2: number;
  /** Node that wrote the file; 0 if unset. */
  readonly nodeID: bigint;
}

/** What a writer must say about a file. `flags` defaults to {@link LTX_NO_CHECKSUM}, everything else to 0. */
export type LTXHeaderInit = Pick<LTXHeader, "pageSize" | "commit" | "minTXID" | "maxTXID" | "timestampMs"> & Partial<LTXHeader>;

const MAGIC = 0x4c54_5831; // "LTX1"
const MAGIC_WITHOUT_VERSION = 0x4c54_58; // "LTX"

/** The header with every default filled in. @throws {@link LTXError} `LTX_INVALID` when it describes no valid file. */
export function completeHeader(init: LTXHeaderInit): LTXHeader {
  const header: LTXHeader = {
    flags: init.flags ?? LTX_NO_CHECKSUM,
    pageSize: init.pageSize,
    commit: init.commit,
    minTXID: init.minTXID,
    maxTXID: init.maxTXID,
    timestampMs: init.timestampMs,
    preApplyChecksum: init.preApplyChecksum ?? 0n,
    walOffset: init.walOffset ?? 0,
    walSize: init.walSize ?? 0,
    walSalt1: init.walSalt1 ?? 0,
    walSalt2: init.walSalt2 ?? 0,
    nodeID: init.nodeID ?? 0n,
  };
  for (const name of ["commit", "walSalt1", "walSalt2"] as const) {
    if (!isUint32(header[name])) throw new LTXError("LTX_INVALID", `${name} ${header[name]} is not an unsigned 32-bit integer`);
  }
  for (const name of ["minTXID", "maxTXID", "preApplyChecksum", "nodeID"] as const) {
    if (BigInt.asUintN(64, header[name]) !== header[name]) throw new LTXError("LTX_INVALID", `${name} ${header[name]} is not an unsigned 64-bit integer`);
  }
  for (const name of ["timestampMs", "walOffset", "walSize"] as const) {
    if (!Number.isSafeInteger(header[name])) throw new LTXError("LTX_INVALID", `${name} ${header[name]} is not a safe integer`);
  }
  validateHeader(header, "LTX_INVALID");
  return header;
}

/**
 * The 100 bytes of a file header.
 * @throws {@link LTXError} `LTX_INVALID` when the header describes no valid file.
 */
export function encodeLTXHeader(init: LTXHeaderInit): Uint8Array<ArrayBuffer> {
  const header = completeHeader(init);
  const bytes = new Uint8Array(LTX_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, false);
  view.setUint32(4, header.flags, false);
  view.setUint32(8, header.pageSize, false);
  view.setUint32(12, header.commit, false);
  view.setBigUint64(16, header.minTXID, false);
  view.setBigUint64(24, header.maxTXID, false);
  view.setBigInt64(32, BigInt(header.timestampMs), false);
  view.setBigUint64(40, header.preApplyChecksum, false);
  view.setBigInt64(48, BigInt(header.walOffset), false);
  view.setBigInt64(56, BigInt(header.walSize), false);
  view.setUint32(64, header.walSalt1, false);
  view.setUint32(68, header.walSalt2, false);
  view.setBigUint64(72, header.nodeID, false);
  return bytes;
}

/**
 * Reads a file header from the first 100 bytes of `bytes`; what follows them is ignored.
 * @throws {@link LTXError} `LTX_TRUNCATED`, `LTX_UNSUPPORTED` (version, flags) or `LTX_CORRUPTED`.
 */
export function decodeLTXHeader(bytes: Uint8Array): LTXHeader {
  return readLTXHeader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** {@link decodeLTXHeader} for who has a view of the bytes. */
export function readLTXHeader(view: DataView): LTXHeader {
  if (view.byteLength < LTX_HEADER_SIZE) throw new LTXError("LTX_TRUNCATED", `header needs ${LTX_HEADER_SIZE} bytes, ${view.byteLength} given`);
  const magic = view.getUint32(0, false);
  if (magic !== MAGIC) {
    if (magic >>> 8 === MAGIC_WITHOUT_VERSION) throw new LTXError("LTX_UNSUPPORTED", "LTX file of an unknown version");
    throw new LTXError("LTX_CORRUPTED", "not an LTX file: wrong magic");
  }
  const header: LTXHeader = {
    flags: view.getUint32(4, false),
    pageSize: view.getUint32(8, false),
    commit: view.getUint32(12, false),
    minTXID: view.getBigUint64(16, false),
    maxTXID: view.getBigUint64(24, false),
    timestampMs: safeInt64(view, 32, "timestamp"),
    preApplyChecksum: view.getBigUint64(40, false),
    walOffset: safeInt64(view, 48, "WAL offset"),
    walSize: safeInt64(view, 56, "WAL size"),
    walSalt1: view.getUint32(64, false),
    walSalt2: view.getUint32(68, false),
    nodeID: view.getBigUint64(72, false),
  };
  validateHeader(header, "LTX_CORRUPTED");
  return header;
}

/** Whether the file holds every page of the database. Upstream calls such a file a snapshot. */
export function holdsEveryPage(header: LTXHeader): boolean {
  return header.minTXID === 1n;
}

export function tracksChecksums(header: LTXHeader): boolean {
  return (header.flags & LTX_NO_CHECKSUM) === 0;
}

/** The rules of upstream's `Header.Validate` (superfly/ltx, ltx.go). */
function validateHeader(header: LTXHeader, code: LTXErrorCode): void {
  const fail = (message: string): never => {
    throw new LTXError(code, message);
  };
  if (header.flags !== 0 && header.flags !== LTX_NO_CHECKSUM) {
    throw new LTXError(code === "LTX_INVALID" ? code : "LTX_UNSUPPORTED", `unknown header flags 0x${header.flags.toString(16)}`);
  }
  if (!isValidPageSize(header.pageSize)) fail(`page size ${header.pageSize} is not a power of two from 512 to 65536`);
  if (header.minTXID === 0n) fail("minTXID is 0; the first transaction is 1");
  if (header.minTXID > header.maxTXID) fail(`minTXID ${header.minTXID} is above maxTXID ${header.maxTXID}`);
  if (header.walOffset < 0 || header.walSize < 0) fail("WAL offset or WAL size is negative");
  if (header.walOffset === 0 && (header.walSize !== 0 || header.walSalt1 !== 0 || header.walSalt2 !== 0)) fail("WAL size or salts without a WAL offset");
  if (holdsEveryPage(header) || !tracksChecksums(header)) {
    if (header.preApplyChecksum !== 0n) fail("pre-apply checksum where there can be none");
  } else if ((header.preApplyChecksum & CHECKSUM_FLAG) === 0n) {
    fail("pre-apply checksum is missing or malformed");
  }
}

function safeInt64(view: DataView, at: number, what: string): number {
  const value = view.getInt32(at, false) * 2 ** 32 + view.getUint32(at + 4, false);
  if (!Number.isSafeInteger(value)) throw new LTXError("LTX_CORRUPTED", `${what} at byte ${at} is beyond 2^53`);
  return value;
}

function isUint32(n: number): boolean {
  return Number.isInteger(n) && n >= 0 && n <= 0xffff_ffff;
}
