import { ChecksumInput, updateChecksum, type WALChecksum } from "../wal/checksum.js";
import type { ReadAt } from "../wal/reader.js";

/** What the wal-index header (the start of `-shm`) says about the WAL. */
export interface WALIndexHeader {
  /** Last committed frame. */
  readonly maxFrame: number;
  /** Frames that are already in the database file. */
  readonly backfilledFrames: number;
  /** Database size in pages. */
  readonly pageCount: number;
  readonly salt1: number;
  readonly salt2: number;
  /** Running checksum after `maxFrame`. */
  readonly checksum: Readonly<WALChecksum>;
}

/** Bytes that are read: two header copies and nBackfill. On Windows bytes from 120 on are under mandatory locks. */
export const WAL_INDEX_READ_SIZE = 100;
const COPY_SIZE = 48;
/** Looks without a pause. Measured: 0.5 % of looks beside a writer at full speed see two different copies. */
const QUICK_ATTEMPTS = 16;
/** Then the writer has lost its processor between the copies (seen on a busy machine), for as long as the scheduler likes. */
const SLOW_ATTEMPTS = 250;
const PAUSE_MS = 1;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));

const LITTLE_ENDIAN_HOST = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/**
 * Decodes the header (wal.c, "WalIndexHdr"; native byte order). The writer stores the second copy first and the first one last, so equal
 * copies with a right checksum are one consistent header.
 * @returns `undefined` when the header was being written, or never was.
 */
export function decodeWALIndexHeader(bytes: Uint8Array): WALIndexHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, WAL_INDEX_READ_SIZE);
  for (let i = 0; i < COPY_SIZE; i += 4) {
    if (view.getUint32(i) !== view.getUint32(COPY_SIZE + i)) return undefined;
  }
  const initialised = view.getUint8(12) === 1;
  if (!initialised) return undefined;
  const sum: WALChecksum = { s0: 0, s1: 0 };
  updateChecksum(sum, new ChecksumInput(bytes), 0, 40, !LITTLE_ENDIAN_HOST);
  if (sum.s0 !== view.getInt32(40, LITTLE_ENDIAN_HOST) || sum.s1 !== view.getInt32(44, LITTLE_ENDIAN_HOST)) return undefined;
  const maxFrame = view.getUint32(16, LITTLE_ENDIAN_HOST);
  return {
    maxFrame,
    pageCount: view.getUint32(20, LITTLE_ENDIAN_HOST),
    checksum: { s0: view.getInt32(24, LITTLE_ENDIAN_HOST), s1: view.getInt32(28, LITTLE_ENDIAN_HOST) },
    // The salts are copied from the WAL header as bytes: big-endian everywhere.
    salt1: view.getUint32(32, false),
    salt2: view.getUint32(36, false),
    // A restart stores the empty header first and clears nBackfill afterwards.
    backfilledFrames: Math.min(maxFrame, view.getUint32(96, LITTLE_ENDIAN_HOST)),
  };
}

/**
 * Reads the header, again while it is being written, for about a quarter of a second.
 * @returns `undefined` when there is none, or its writer was stopped or killed in the middle of it.
 */
export function readWALIndexHeader(readAt: ReadAt): WALIndexHeader | undefined {
  const bytes = new Uint8Array(WAL_INDEX_READ_SIZE);
  for (let attempt = 0; attempt < QUICK_ATTEMPTS + SLOW_ATTEMPTS; attempt++) {
    if (attempt >= QUICK_ATTEMPTS) Atomics.wait(SLEEPER, 0, 0, PAUSE_MS);
    if (readAt(bytes, 0) < WAL_INDEX_READ_SIZE) return undefined;
    const header = decodeWALIndexHeader(bytes);
    if (header !== undefined) return header;
  }
  return undefined;
}
