import { LTXError } from "./error.js";
import {
  FRAME_HEADER_SIZE,
  INDEX_SIZE_FIELD,
  isValidPageSize,
  LTX_HEADER_SIZE,
  LTX_TRAILER_SIZE,
  maxBlockSize,
  PAGE_FLAG_SIZE,
  PAGE_HEADER_SIZE,
} from "./format.js";
import { decompressLegacyFrame, legacyFrameSize } from "./legacy-frame.js";
import { decompressBlock } from "./lz4-block.js";
import type { LTXPage } from "./stream.js";

/** Where a page's frame lies in the file. */
export interface LTXPageIndexEntry {
  readonly pgno: number;
  /** Offset of the frame from the start of the file, in bytes. */
  readonly offset: number;
  /** Size of the frame in bytes, its header included. */
  readonly size: number;
}

/** The page index of one file: 16 bytes per page in memory. Iterates in ascending order of page number. */
export class LTXPageIndex implements Iterable<LTXPageIndexEntry> {
  readonly #pgnos: Uint32Array;
  readonly #offsets: Float64Array;
  readonly #sizes: Uint32Array;

  constructor(pgnos: Uint32Array, offsets: Float64Array, sizes: Uint32Array) {
    this.#pgnos = pgnos;
    this.#offsets = offsets;
    this.#sizes = sizes;
  }

  /** Number of pages in the file. */
  get length(): number {
    return this.#pgnos.length;
  }

  /** The i-th entry, from 0. @throws RangeError outside 0 … length - 1. */
  at(i: number): LTXPageIndexEntry {
    const pgno = this.#pgnos[i];
    if (pgno === undefined) throw new RangeError(`index entry ${i} of ${this.length}`);
    return { pgno, offset: this.#offsets[i] ?? 0, size: this.#sizes[i] ?? 0 };
  }

  /** The entry of a page, or undefined when the file does not hold it. */
  find(pgno: number): LTXPageIndexEntry | undefined {
    let low = 0;
    let high = this.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#pgnos[middle] ?? 0;
      if (candidate === pgno) return this.at(middle);
      if (candidate < pgno) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  *[Symbol.iterator](): Generator<LTXPageIndexEntry, void, undefined> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** Reads `size` bytes of the file from `offset`; fewer only at the end of the file. */
export type ReadRange = (offset: number, size: number) => Promise<Uint8Array>;

const TAIL_SIZE = INDEX_SIZE_FIELD + LTX_TRAILER_SIZE;
const SMALLEST_FILE = LTX_HEADER_SIZE + PAGE_HEADER_SIZE + 1 + TAIL_SIZE;

/**
 * Reads a file's page index with two ranged reads. The index is checked for consistency with itself and with `fileSize`, but
 * not against a checksum: that takes the whole file ({@link verifyLTX}).
 * @param fileSize size of the file in bytes; bounds what is read and allocated.
 * @throws {@link LTXError} `LTX_TRUNCATED`, `LTX_CORRUPTED`; errors of `read` pass through.
 */
export async function readPageIndex(read: ReadRange, fileSize: number): Promise<LTXPageIndex> {
  if (fileSize < SMALLEST_FILE) throw new LTXError("LTX_TRUNCATED", `${fileSize} bytes are too few for an LTX file`);
  const tail = await readExactly(read, fileSize - TAIL_SIZE, TAIL_SIZE);
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength);
  const indexSize = view.getUint32(0, false) * 2 ** 32 + view.getUint32(4, false);
  if (indexSize < 1 || indexSize > fileSize - SMALLEST_FILE + 1) {
    throw new LTXError("LTX_CORRUPTED", `a page index of ${indexSize} bytes does not fit into the file of ${fileSize}`);
  }
  const indexOffset = fileSize - TAIL_SIZE - indexSize;
  return parsePageIndex(await readExactly(read, indexOffset, indexSize), indexOffset - PAGE_HEADER_SIZE);
}

/** Parses index entries whose frames fill the file from the header to `pageBlockEnd`. */
function parsePageIndex(bytes: Uint8Array, pageBlockEnd: number): LTXPageIndex {
  let count = 0;
  for (const byte of bytes) if (byte < 128) count++;
  // Three varints per entry and the terminator: each ends with one byte below 128.
  if (bytes[bytes.length - 1] !== 0 || count % 3 !== 1) throw new LTXError("LTX_CORRUPTED", "the page index does not end with a terminator");
  const entries = (count - 1) / 3;
  const pgnos = new Uint32Array(entries);
  const offsets = new Float64Array(entries);
  const sizes = new Uint32Array(entries);
  const cursor = { at: 0 };
  let expectedOffset = LTX_HEADER_SIZE;
  let previous = 0;
  for (let i = 0; i < entries; i++) {
    const pgno = takeVarint(bytes, cursor);
    const offset = takeVarint(bytes, cursor);
    const size = takeVarint(bytes, cursor);
    if (pgno <= previous || pgno > 0xffff_ffff) throw new LTXError("LTX_CORRUPTED", `page index: page ${pgno} after page ${previous}`);
    if (offset !== expectedOffset || size <= PAGE_HEADER_SIZE || offset + size > pageBlockEnd) {
      throw new LTXError("LTX_CORRUPTED", `page index: the frame of page ${pgno} cannot lie at byte ${offset} with ${size} bytes`);
    }
    pgnos[i] = pgno;
    offsets[i] = offset;
    sizes[i] = size;
    previous = pgno;
    expectedOffset = offset + size;
  }
  if (expectedOffset !== pageBlockEnd) throw new LTXError("LTX_CORRUPTED", "the page index does not cover the page block");
  return new LTXPageIndex(pgnos, offsets, sizes);
}

function takeVarint(bytes: Uint8Array, cursor: { at: number }): number {
  let value = 0;
  let scale = 1;
  for (;;) {
    const byte = bytes[cursor.at++] ?? 0;
    value += (byte & 127) * scale;
    if (!Number.isSafeInteger(value)) throw new LTXError("LTX_CORRUPTED", "page index: a number beyond 2^53");
    if (byte < 128) return value;
    scale *= 128;
  }
}

/**
 * Decodes one page frame, as a ranged read of an index entry gives it. A page carries no checksum of its own: most damage
 * to a frame decodes to a different page, so the result is unverified.
 * @param frame exactly the frame's bytes.
 * @returns the page; its content is the caller's.
 * @throws {@link LTXError} `LTX_TRUNCATED`, `LTX_CORRUPTED`, `LTX_UNSUPPORTED`.
 */
export function decodePageFrame(frame: Uint8Array, pageSize: number): LTXPage & { readonly data: Uint8Array<ArrayBuffer> } {
  if (!isValidPageSize(pageSize)) throw new RangeError(`${pageSize} is not a page size`);
  const source = { bytes: frame, view: new DataView(frame.buffer, frame.byteOffset, frame.byteLength) };
  if (frame.length < FRAME_HEADER_SIZE) throw new LTXError("LTX_TRUNCATED", `${frame.length} bytes are too few for a page frame`);
  const pgno = source.view.getUint32(0, false);
  const flags = source.view.getUint16(4, false);
  if (pgno === 0) throw new LTXError("LTX_CORRUPTED", "a page frame without page number");
  if (flags !== 0 && flags !== PAGE_FLAG_SIZE) throw new LTXError("LTX_UNSUPPORTED", `unknown page flags 0x${flags.toString(16)}`);
  const data = new Uint8Array(pageSize);
  const target = { bytes: data, view: new DataView(data.buffer) };
  const size = flags === 0 ? legacyFrameSize(source.view, 0, frame.length, pageSize) : FRAME_HEADER_SIZE + source.view.getUint32(PAGE_HEADER_SIZE, false);
  if (size > FRAME_HEADER_SIZE + maxBlockSize(pageSize) && flags !== 0)
    throw new LTXError("LTX_CORRUPTED", "a page frame claims more bytes than a page can take");
  if (size === 0 || size > frame.length) throw new LTXError("LTX_TRUNCATED", `the frame of page ${pgno} is cut off`);
  if (size < frame.length) throw new LTXError("LTX_CORRUPTED", `${frame.length - size} bytes follow the frame of page ${pgno}`);
  if (flags === 0) {
    decompressLegacyFrame(source, 0, target, 0, pageSize);
  } else if (decompressBlock(source, FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE, target, 0, pageSize) !== pageSize) {
    throw new LTXError("LTX_CORRUPTED", `the frame of page ${pgno} does not hold one page`);
  }
  return { pgno, data };
}

async function readExactly(read: ReadRange, offset: number, size: number): Promise<Uint8Array> {
  const bytes = await read(offset, size);
  if (bytes.length !== size) throw new LTXError("LTX_TRUNCATED", `read ${bytes.length} of ${size} bytes at ${offset}`);
  return bytes;
}
