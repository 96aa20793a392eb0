import { WAL_HEADER_SIZE } from "./header.js";

/** Bytes of a frame header; the page follows it. */
export const WAL_FRAME_HEADER_SIZE = 24;

// Offsets inside a frame header (SQLite file format, "WAL Frame Header"); all fields are big-endian whatever the checksum order.
export const FRAME_PGNO = 0;
/** Database size in pages after a commit; 0 in every other frame. */
export const FRAME_COMMIT = 4;
export const FRAME_SALT1 = 8;
export const FRAME_SALT2 = 12;
export const FRAME_CHECKSUM1 = 16;
export const FRAME_CHECKSUM2 = 20;
/** The checksum covers the first 8 bytes of the frame header, then the page. */
export const FRAME_CHECKSUMMED_HEADER = 8;

/** Bytes one frame takes in the WAL. */
export function frameSize(pageSize: number): number {
  return WAL_FRAME_HEADER_SIZE + pageSize;
}

/** Byte offset of the end of frame `frame` (1-based); 32 for 0. */
export function frameEnd(frame: number, pageSize: number): number {
  return WAL_HEADER_SIZE + frame * frameSize(pageSize);
}

/** How many whole frames fit into a WAL of `size` bytes; 0 when it is shorter than its header. */
export function frameCount(size: number, pageSize: number): number {
  return size < WAL_HEADER_SIZE ? 0 : Math.floor((size - WAL_HEADER_SIZE) / frameSize(pageSize));
}
