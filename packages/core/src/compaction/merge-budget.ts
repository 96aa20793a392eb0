/** Memory that the sources of one merge may take. Beside it a merge needs little more than a MiB and the page index of its result. */
export const MERGE_SOURCE_BYTES: number = 32 * 1024 * 1024;
const MAX_RANGE_BYTES = 1024 * 1024;
const MIN_RANGE_BYTES = 64 * 1024;

interface Sized {
  readonly size: number;
}

/** How many of these files, from the first on, can be merged at once within the memory for sources: at least two. */
export function fittingCount(files: readonly Sized[]): number {
  let bytes = 0;
  let count = 0;
  for (const file of files) {
    bytes += heldBytes(file, MIN_RANGE_BYTES);
    if (bytes > MERGE_SOURCE_BYTES && count >= 2) break;
    count++;
  }
  return count;
}

/** Bytes that each source should fetch at a time: as many as the memory for sources allows, since each request has its price. */
export function rangeBytesFor(files: readonly Sized[]): number {
  for (let range = MAX_RANGE_BYTES; range > MIN_RANGE_BYTES; range /= 2) {
    if (heldByAll(files, range) <= MERGE_SOURCE_BYTES) return range;
  }
  return MIN_RANGE_BYTES;
}

/** Buffers of one source: a frame may begin in one, go on in the next, while the one after that is on its way. */
export const BUFFERS_PER_SOURCE = 3;

function heldByAll(files: readonly Sized[], rangeBytes: number): number {
  let bytes = 0;
  for (const file of files) bytes += heldBytes(file, rangeBytes);
  return bytes;
}

function heldBytes({ size }: Sized, rangeBytes: number): number {
  return Math.min(size, BUFFERS_PER_SOURCE * rangeBytes);
}
