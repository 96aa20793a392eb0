import { LSError } from "../errors.js";
import { ChecksumInput, updateChecksum, type WALChecksum } from "./checksum.js";

/** Bytes of the WAL header. */
export const WAL_HEADER_SIZE = 32;

/** SQLite file format, "WAL Header": the lowest bit says that checksums are sums of big-endian words. */
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
const WAL_VERSION = 3007000;

/** The header of one WAL generation. */
export interface WALHeader {
  /** Page size, in bytes: a power of two from 512 to 65536. */
  readonly pageSize: number;
  /** Number of checkpoints so far; SQLite does not use it. */
  readonly sequence: number;
  /** Grows by exactly one (mod 2^32) at each restart of the WAL. */
  readonly salt1: number;
  /** Random, new at each restart. */
  readonly salt2: number;
  /** Whether checksums sum big-endian words. */
  readonly bigEndianChecksum: boolean;
  /** The header's own checksum: the frames' running checksum starts here. */
  readonly checksum: WALChecksum;
}

/**
 * Reads a WAL header the way SQLite's recovery does: anything that is not a valid header means that the WAL is empty.
 * @param bytes the first bytes of the `-wal` file; fewer than 32 are an empty WAL.
 * @returns `undefined` when SQLite would ignore the whole file.
 * @throws {@link LSError} `LS_NOT_A_DATABASE` for a valid header of an unknown format version, where SQLite refuses to open the database.
 */
export function decodeWALHeader(bytes: Uint8Array): WALHeader | undefined {
  if (bytes.byteLength < WAL_HEADER_SIZE) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, WAL_HEADER_SIZE);
  const magic = view.getUint32(0, false);
  if (magic !== MAGIC_LITTLE_ENDIAN && magic !== MAGIC_BIG_ENDIAN) return undefined;
  const pageSize = view.getUint32(8, false);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  const bigEndianChecksum = magic === MAGIC_BIG_ENDIAN;
  const checksum: WALChecksum = { s0: 0, s1: 0 };
  updateChecksum(checksum, new ChecksumInput(bytes), 0, 24, bigEndianChecksum);
  if (checksum.s0 !== view.getInt32(24, false) || checksum.s1 !== view.getInt32(28, false)) return undefined;
  // Order matters: SQLite looks at the version only in a header whose checksum is right.
  const version = view.getUint32(4, false);
  if (version !== WAL_VERSION) throw new LSError("LS_NOT_A_DATABASE", `the WAL has format version ${version}, and only ${WAL_VERSION} is known`);
  return {
    pageSize,
    sequence: view.getUint32(12, false),
    salt1: view.getUint32(16, false),
    salt2: view.getUint32(20, false),
    bigEndianChecksum,
    checksum,
  };
}

/** Whether `next` is the generation that directly follows `previous`: SQLite adds one to salt-1 at each restart. */
export function isNextGeneration(previousSalt1: number, nextSalt1: number): boolean {
  return nextSalt1 === (previousSalt1 + 1) >>> 0;
}
