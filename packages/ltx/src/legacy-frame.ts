import { type Arena, OUT_OFFSET } from "./arena.js";
import { crcUpdate } from "./crc64.js";
import { LTXError } from "./error.js";
import { maxBlockSize, PAGE_HEADER_SIZE } from "./format.js";
import { type ByteSpan, decompressBlock } from "./lz4-block.js";

/*
 * Page frames of older writers: no size prefix, the payload is an LZ4 *frame* (LZ4 frame format 1.6). Rare, so in
 * JavaScript only. The frame's own xxHash32 checksums are not verified: the file checksum covers what they cover.
 */

const FRAME_MAGIC = 0x184d_2204;
const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_CONTENT_CHECKSUM = 0x04;
const FLAG_RESERVED = 0x02;
const FLAG_DICTIONARY = 0x01;
/** In a block size: the block is stored uncompressed. */
const UNCOMPRESSED = 0x8000_0000;
const CHECKSUM_SIZE = 4;
/** Page header, frame header, end mark, checksums, and a few block sizes. */
const FIXED_OVERHEAD = 64;

/** The largest page frame of either form; a larger one is refused. */
export function legacyFrameLimit(pageSize: number): number {
  return maxBlockSize(pageSize) + FIXED_OVERHEAD;
}

/**
 * The size of the legacy page frame at `from`, page header included, or 0 while it is not complete.
 * @throws {@link LTXError} `LTX_CORRUPTED` or `LTX_UNSUPPORTED`.
 */
export function legacyFrameSize(view: DataView, from: number, available: number, pageSize: number): number {
  const limit = legacyFrameLimit(pageSize);
  const end = from + available;
  let position = from + PAGE_HEADER_SIZE;
  if (end - position < 6) return 0;
  if (view.getUint32(position, true) !== FRAME_MAGIC) throw new LTXError("LTX_CORRUPTED", "a page frame without size prefix holds no LZ4 frame");
  const flags = view.getUint8(position + 4);
  if ((flags & VERSION_MASK) !== VERSION_1 || (flags & (FLAG_RESERVED | FLAG_DICTIONARY)) !== 0) {
    throw new LTXError("LTX_UNSUPPORTED", "LZ4 frame of an unknown version, or with a dictionary");
  }
  position += 6 + ((flags & FLAG_CONTENT_SIZE) !== 0 ? 8 : 0) + 1;
  for (;;) {
    if (position + 4 + CHECKSUM_SIZE - from > limit) throw new LTXError("LTX_CORRUPTED", "an LZ4 frame is larger than a page can take");
    if (end - position < 4) return 0;
    const size = view.getUint32(position, true) & ~UNCOMPRESSED;
    if (view.getUint32(position, true) === 0) break;
    if (size > limit) throw new LTXError("LTX_CORRUPTED", "an LZ4 frame claims more bytes than a page can take");
    position += 4 + size + ((flags & FLAG_BLOCK_CHECKSUM) !== 0 ? CHECKSUM_SIZE : 0);
  }
  position += 4 + ((flags & FLAG_CONTENT_CHECKSUM) !== 0 ? CHECKSUM_SIZE : 0);
  return position <= end ? position - from : 0;
}

/** Decompresses the complete legacy page frame at `from` of `source` to `to` of `target`. @throws {@link LTXError} `LTX_CORRUPTED`. */
export function decompressLegacyFrame(source: ByteSpan, from: number, target: ByteSpan, to: number, pageSize: number): void {
  const { view } = source;
  const flags = view.getUint8(from + PAGE_HEADER_SIZE + 4);
  let position = from + PAGE_HEADER_SIZE + 6 + ((flags & FLAG_CONTENT_SIZE) !== 0 ? 8 : 0) + 1;
  let filled = 0;
  for (;;) {
    const word = view.getUint32(position, true);
    if (word === 0) break;
    const size = word & ~UNCOMPRESSED;
    position += 4;
    let produced = -1;
    if (size === word) {
      produced = decompressBlock(source, position, size, target, to + filled, pageSize - filled);
    } else if (size <= pageSize - filled) {
      target.bytes.set(source.bytes.subarray(position, position + size), to + filled);
      produced = size;
    }
    if (produced < 0) throw new LTXError("LTX_CORRUPTED", "a block of an LZ4 frame is malformed");
    filled += produced;
    position += size + ((flags & FLAG_BLOCK_CHECKSUM) !== 0 ? CHECKSUM_SIZE : 0);
  }
  if (filled !== pageSize) throw new LTXError("LTX_CORRUPTED", `an LZ4 frame holds ${filled} bytes instead of a page`);
}

/**
 * Decodes the legacy frame at `from` into the first page of OUT, as `decodeFrames` does with current ones: page number
 * and size go to the tables, the register advances. Returns its size, or 0 while it is not complete.
 */
export function decodeLegacyFrame(arena: Arena, from: number, available: number, pageSize: number): number {
  const size = legacyFrameSize(arena.view, from, available, pageSize);
  if (size === 0) return 0;
  decompressLegacyFrame(arena, from, arena, OUT_OFFSET, pageSize);
  crcUpdate(arena.register, arena.view, from, PAGE_HEADER_SIZE);
  crcUpdate(arena.register, arena.view, OUT_OFFSET, pageSize);
  arena.pgnos[0] = arena.view.getUint32(from, false);
  arena.sizes[0] = size;
  return size;
}
