/** Size of the file header, in bytes. */
export const LTX_HEADER_SIZE = 100;
/** Size of the file trailer, in bytes. */
export const LTX_TRAILER_SIZE = 16;
/** Header flag: the file tracks no database checksums; pre- and post-apply checksum are 0. */
export const LTX_NO_CHECKSUM = 2;

/** Set in every stored checksum, so that a checksum is never 0 (LTX README, "File checksum"). */
export const CHECKSUM_FLAG = 0x8000_0000_0000_0000n;

/** Size of a page header without size prefix: page number and flags. */
export const PAGE_HEADER_SIZE = 6;
/** Size of what precedes the payload of a current frame: page header and compressed size. */
export const FRAME_HEADER_SIZE = 10;
/** Page header flag: a compressed size follows, the payload is an LZ4 block. Without it the payload is an LZ4 frame. */
export const PAGE_FLAG_SIZE = 1;
/** Size of the byte count that ends the page index. */
export const INDEX_SIZE_FIELD = 8;

const MIN_PAGE_SIZE = 512;
const MAX_PAGE_SIZE = 65536;

/** Offset of the byte that SQLite locks; the page that holds it is never written (sqlite3.c, PENDING_BYTE). */
const PENDING_BYTE = 0x4000_0000;

/** Whether `n` is a page size SQLite can have: a power of two from 512 to 65536. */
export function isValidPageSize(n: number): boolean {
  return Number.isInteger(n) && n >= MIN_PAGE_SIZE && n <= MAX_PAGE_SIZE && (n & (n - 1)) === 0;
}

/** The number of the lock page, which no database and no LTX file has content for. */
export function lockPage(pageSize: number): number {
  return PENDING_BYTE / pageSize + 1;
}

/** The largest LZ4 block that one page may be stored in: the bound of the LZ4 format. */
export function maxBlockSize(pageSize: number): number {
  return pageSize + Math.floor(pageSize / 255) + 16;
}
