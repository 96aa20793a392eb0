import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChecksumInput, updateChecksum } from "./checksum.js";
import { FRAME_CHECKSUM1, FRAME_CHECKSUM2, FRAME_CHECKSUMMED_HEADER, FRAME_COMMIT, FRAME_PGNO, frameEnd, frameSize, WAL_FRAME_HEADER_SIZE } from "./frame.js";
import { decodeWALHeader, WAL_HEADER_SIZE } from "./header.js";
import { type ReadAt, WALReader } from "./reader.js";

const PAGE_SIZE = 512;
const reader = new WALReader();

/** A database and its WAL, as bytes. */
interface Pair {
  readonly db: Uint8Array;
  readonly wal: Uint8Array;
}

let directory: string;

beforeAll(() => {
  // Twenty-six thousand recoveries: memory if there is some that looks like a disk.
  const memory = "/dev/shm";
  directory = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "ls-wal-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function bytesReader(bytes: Uint8Array): ReadAt {
  return (into, position) => {
    const part = bytes.subarray(position, position + into.byteLength);
    into.set(part);
    return part.byteLength;
  };
}

/** The database file after our recovery: committed frames laid over it in order, cut to the last commit size. */
function ourRecovery({ db, wal }: Pair): { bytes: Uint8Array; frames: number } {
  const found = reader.recover(bytesReader(wal), wal.byteLength);
  const end = found?.scan.position.frame ?? 0;
  const commit = found?.scan.commit ?? 0;
  if (end === 0) return { bytes: db, frames: 0 };
  const bytes = new Uint8Array(commit * PAGE_SIZE);
  bytes.set(db.subarray(0, bytes.byteLength));
  const view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
  for (let frame = 0; frame < end; frame++) {
    const at = frameEnd(frame, PAGE_SIZE);
    const pgno = view.getUint32(at + FRAME_PGNO, false);
    if (pgno <= commit) bytes.set(wal.subarray(at + WAL_FRAME_HEADER_SIZE, at + frameSize(PAGE_SIZE)), (pgno - 1) * PAGE_SIZE);
  }
  return { bytes, frames: end };
}

/** The same by SQLite: it opens a copy and checkpoints it. */
function sqliteRecovery({ db, wal }: Pair): { bytes: Uint8Array; frames: number } {
  const path = join(directory, "copy.db");
  rmSync(`${path}-shm`, { force: true });
  writeFileSync(path, db);
  writeFileSync(`${path}-wal`, wal);
  const connection = new Database(path);
  connection.exec("PRAGMA synchronous = OFF; SELECT 1 FROM sqlite_schema LIMIT 1");
  const row = connection.prepare("PRAGMA wal_checkpoint(NOOP)").get() as { log: number };
  connection.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  connection.close();
  return { bytes: readFileSync(path), frames: row.log };
}

/** Compares one damaged pair; a string instead of assertions, thousands of which would take longer than SQLite. */
function difference(pair: Pair): string | undefined {
  const ours = ourRecovery(pair);
  const theirs = sqliteRecovery(pair);
  if (ours.frames !== theirs.frames) return `${ours.frames} frames, SQLite has ${theirs.frames}`;
  return Buffer.compare(ours.bytes, theirs.bytes) === 0 ? undefined : `${ours.frames} frames, but other pages`;
}

/** A WAL with several commits, a shrink, and frames of the generation before it at its end. */
function makePair(): Pair {
  const path = join(directory, "source.db");
  const app = new Database(path);
  app.exec(`PRAGMA page_size = ${PAGE_SIZE}; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0`);
  const keeper = new Database(path, { readonly: true });
  app.exec("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
  const insert = app.prepare("INSERT INTO t (b) VALUES (randomblob(?))");
  for (let i = 0; i < 6; i++) insert.run(300);
  app.exec("PRAGMA wal_checkpoint(RESTART)");
  insert.run(300);
  app.exec("DELETE FROM t WHERE a <= 4");
  app.exec("PRAGMA incremental_vacuum");
  app.exec("UPDATE t SET b = randomblob(200)");
  keeper.prepare("SELECT count(*) FROM t").get();
  app.close();
  // The keeper, read-only, leaves the WAL as it is.
  keeper.close();
  const pair = { db: new Uint8Array(readFileSync(path)), wal: new Uint8Array(readFileSync(`${path}-wal`)) };
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
  return pair;
}

/** The same WAL with checksums over big-endian words, as a big-endian machine would have written it. */
function toBigEndian(wal: Uint8Array): Uint8Array {
  const out = wal.slice();
  const input = new ChecksumInput(out);
  const { view } = input;
  view.setUint32(0, 0x377f0683, false);
  const sum = { s0: 0, s1: 0 };
  updateChecksum(sum, input, 0, 24, true);
  view.setInt32(24, sum.s0, false);
  view.setInt32(28, sum.s1, false);
  const salts = out.slice(16, 24).join();
  for (let at = WAL_HEADER_SIZE; at + frameSize(PAGE_SIZE) <= out.byteLength; at += frameSize(PAGE_SIZE)) {
    if (out.slice(at + 8, at + 16).join() !== salts) break;
    updateChecksum(sum, input, at, FRAME_CHECKSUMMED_HEADER, true);
    updateChecksum(sum, input, at + WAL_FRAME_HEADER_SIZE, PAGE_SIZE, true);
    view.setInt32(at + FRAME_CHECKSUM1, sum.s0, false);
    view.setInt32(at + FRAME_CHECKSUM2, sum.s1, false);
  }
  return out;
}

describe.each(["little-endian", "big-endian"])("WAL with %s checksums", (order) => {
  let pair: Pair;
  beforeAll(() => {
    const made = makePair();
    pair = order === "big-endian" ? { db: made.db, wal: toBigEndian(made.wal) } : made;
  });

  it("is read whole, up to the older generation's frames", () => {
    expect(decodeWALHeader(pair.wal)?.bigEndianChecksum).toBe(order === "big-endian");
    const found = reader.recover(bytesReader(pair.wal), pair.wal.byteLength);
    expect(found?.scan.stop).toBe("salt");
    expect(found?.scan.commits).toBe(4);
    const view = new DataView(pair.wal.buffer);
    const sizes = Array.from({ length: found?.scan.frames ?? 0 }, (_, i) => view.getUint32(frameEnd(i, PAGE_SIZE) + FRAME_COMMIT, false)).filter(
      (size) => size > 0,
    );
    expect(Math.min(...sizes)).toBeLessThan(sizes[0] ?? 0);
    expect(difference(pair)).toBeUndefined();
  });

  it("recovers what SQLite recovers when cut at every byte", { timeout: 120_000 }, () => {
    const wrong: string[] = [];
    for (let size = 0; size < pair.wal.byteLength; size++) {
      const found = difference({ db: pair.db, wal: pair.wal.subarray(0, size) });
      if (found !== undefined) wrong.push(`cut to ${size} bytes: ${found}`);
    }
    expect(wrong).toEqual([]);
  });

  const isHeader = (at: number): boolean => at < WAL_HEADER_SIZE || (at - WAL_HEADER_SIZE) % frameSize(PAGE_SIZE) < WAL_FRAME_HEADER_SIZE;
  it.each([
    ["[A31] recovers what SQLite recovers when any byte of a header is damaged", isHeader],
    ["recovers what SQLite recovers when any byte of a page is damaged", (at: number) => !isHeader(at)],
  ])("%s", { timeout: 120_000 }, (_, isMeant) => {
    const wrong: string[] = [];
    for (let at = 0; at < pair.wal.byteLength; at++) {
      if (!isMeant(at)) continue;
      const wal = pair.wal.slice();
      // Another bit from byte to byte.
      wal[at] = (wal[at] ?? 0) ^ (1 << (at % 8));
      const found = difference({ db: pair.db, wal });
      if (found !== undefined) wrong.push(`byte ${at}: ${found}`);
    }
    expect(wrong).toEqual([]);
  });

  it("goes on from any commit as from the start", () => {
    const whole = reader.recover(bytesReader(pair.wal), pair.wal.byteLength);
    if (whole === undefined) throw new Error("no WAL");
    const end = whole.scan.position;
    const view = new DataView(pair.wal.buffer);
    let position = reader.scan(bytesReader(pair.wal), { ...end, frame: 0, checksum: whole.header.checksum }, 1).position;
    for (let frame = 1; frame <= end.frame; frame++) {
      const commits = view.getUint32(frameEnd(frame - 1, PAGE_SIZE) + FRAME_COMMIT, false) !== 0;
      const next = reader.scan(bytesReader(pair.wal), position, frame);
      expect(next.position.frame === frame).toBe(commits);
      position = next.position;
      if (commits) expect(reader.proves(bytesReader(pair.wal), { ...position })).toEqual(position);
    }
    expect(position).toEqual(end);
  });

  it("proves nothing about another generation, another checksum or a cut WAL", () => {
    const end = reader.recover(bytesReader(pair.wal), pair.wal.byteLength)?.scan.position;
    if (end === undefined) throw new Error("no WAL");
    const all = bytesReader(pair.wal);
    expect(reader.proves(all, { ...end, checksum: undefined })).toEqual(end);
    expect(reader.proves(all, { ...end, salt1: end.salt1 - 1 })).toBeUndefined();
    expect(reader.proves(all, { ...end, salt2: end.salt2 ^ 1 })).toBeUndefined();
    expect(reader.proves(all, { ...end, frame: end.frame + 1 })).toBeUndefined();
    expect(reader.proves(all, { ...end, checksum: { s0: end.checksum.s0, s1: end.checksum.s1 ^ 1 } })).toBeUndefined();
    expect(reader.proves(bytesReader(pair.wal.subarray(0, frameEnd(end.frame, PAGE_SIZE) - 1)), end)).toBeUndefined();
    expect(reader.proves(bytesReader(new Uint8Array(0)), end)).toBeUndefined();
  });
});
