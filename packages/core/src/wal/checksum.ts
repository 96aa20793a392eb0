/**
 * The running checksum of a WAL: two 32-bit sums, carried from the header over every frame (SQLite file format, "Checksum Algorithm").
 * Kept as signed 32-bit integers; compare them with `getInt32`.
 */
export interface WALChecksum {
  s0: number;
  s1: number;
}

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Views over one read buffer, made once per buffer instead of once per frame. */
export class ChecksumInput {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Present when 32-bit loads in host order are possible. */
  readonly words: Int32Array | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.byteOffset % 4 === 0) this.words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >> 2);
  }
}

/**
 * Adds `length` bytes from `at` to `sum`.
 * @param length a multiple of 8, as every header and frame of a WAL is.
 */
export function updateChecksum(sum: WALChecksum, input: ChecksumInput, at: number, length: number, bigEndian: boolean): void {
  // Measured (MB/s): Int32Array 14,600 and DataView 8,000 for little-endian sums; swapping words by hand only 5,200 for big-endian ones.
  if (input.words !== undefined && HOST_IS_LITTLE_ENDIAN && !bigEndian && at % 4 === 0) {
    sumWords(sum, input.words, at >> 2, length >> 2);
  } else {
    sumView(sum, input.view, at, length, !bigEndian);
  }
}

function sumWords(sum: WALChecksum, words: Int32Array, at: number, count: number): void {
  let a = sum.s0;
  let b = sum.s1;
  // Added in this order the dependency chain is one addition per word. `?? 0` costs nothing: the index is in range.
  for (let i = at, end = at + count; i < end; i += 2) {
    a = (((a + (words[i] ?? 0)) | 0) + b) | 0;
    b = (((b + (words[i + 1] ?? 0)) | 0) + a) | 0;
  }
  sum.s0 = a;
  sum.s1 = b;
}

function sumView(sum: WALChecksum, view: DataView, at: number, length: number, littleEndian: boolean): void {
  let a = sum.s0;
  let b = sum.s1;
  for (let i = at, end = at + length; i < end; i += 8) {
    a = (((a + view.getInt32(i, littleEndian)) | 0) + b) | 0;
    b = (((b + view.getInt32(i + 4, littleEndian)) | 0) + a) | 0;
  }
  sum.s0 = a;
  sum.s1 = b;
}
