import {
  DECODE_BAD_BLOCK,
  DECODE_BAD_FLAGS,
  DECODE_BAD_SIZE,
  DECODE_END,
  DECODE_LEGACY,
  DECODE_MORE,
  IN_OFFSET,
  type Kernel,
  MEMORY_SIZE,
  OFFSET_TABLE,
  OUT_OFFSET,
  PGNO_TABLE,
  REGISTER_OFFSET,
  RESULT_OFFSET,
  SIZE_TABLE,
  TABLE_ENTRIES,
  WIDE_TABLE,
} from "./arena.js";
import { crcUpdate } from "./crc64.js";
import { FRAME_HEADER_SIZE, maxBlockSize, PAGE_FLAG_SIZE, PAGE_HEADER_SIZE } from "./format.js";
import { type ByteSpan, compressBlock, decompressBlock } from "./lz4-block.js";
import { xxh64 } from "./xxh64.js";

/** The inner loops in JavaScript: for runtimes that forbid WebAssembly, and the reference that the tests hold the kernel to. */
export class JSKernel implements Kernel {
  readonly memory: ArrayBuffer = new ArrayBuffer(MEMORY_SIZE);
  readonly #span: ByteSpan = { bytes: new Uint8Array(this.memory), view: new DataView(this.memory) };
  readonly #register = new Int32Array(this.memory, REGISTER_OFFSET, 2);
  readonly #result = new Uint32Array(this.memory, RESULT_OFFSET, 4);
  readonly #pgnos = new Uint32Array(this.memory, PGNO_TABLE, TABLE_ENTRIES);
  readonly #offsets = new Uint32Array(this.memory, OFFSET_TABLE, TABLE_ENTRIES);
  readonly #sizes = new Uint32Array(this.memory, SIZE_TABLE, TABLE_ENTRIES);
  readonly #hashes = new Uint32Array(this.memory, WIDE_TABLE, TABLE_ENTRIES * 2);
  readonly #inputRegisters = new Int32Array(this.memory, WIDE_TABLE, TABLE_ENTRIES * 2);

  encodePages(count: number, pageSize: number, to: number, log: number): number {
    const { view } = this.#span;
    let out = to;
    for (let i = 0; i < count; i++) {
      const page = this.#offsets[i] ?? 0;
      const size = compressBlock(this.#span, page, pageSize, out + FRAME_HEADER_SIZE, log);
      view.setUint32(out, this.#pgnos[i] ?? 0, false);
      view.setUint16(out + 4, PAGE_FLAG_SIZE, false);
      view.setUint32(out + PAGE_HEADER_SIZE, size, false);
      crcUpdate(this.#register, view, out, FRAME_HEADER_SIZE);
      crcUpdate(this.#register, view, page, pageSize);
      this.#sizes[i] = FRAME_HEADER_SIZE + size;
      out += FRAME_HEADER_SIZE + size;
    }
    return out - to;
  }

  decodeFrames(from: number, length: number, pageSize: number, maxPages: number): number {
    const { view } = this.#span;
    const end = from + length;
    const sizeLimit = maxBlockSize(pageSize);
    let position = from;
    let page = OUT_OFFSET;
    let count = 0;
    let status = DECODE_MORE;
    while (count < maxPages && end - position >= PAGE_HEADER_SIZE) {
      const pgno = view.getUint32(position, false);
      const flags = view.getUint16(position + 4, false);
      if (pgno === 0 && flags === 0) {
        crcUpdate(this.#register, view, position, PAGE_HEADER_SIZE);
        position += PAGE_HEADER_SIZE;
        status = DECODE_END;
        break;
      }
      if (flags !== PAGE_FLAG_SIZE) {
        status = flags === 0 ? DECODE_LEGACY : DECODE_BAD_FLAGS;
        break;
      }
      if (end - position < FRAME_HEADER_SIZE) break;
      const size = view.getUint32(position + PAGE_HEADER_SIZE, false);
      if (size > sizeLimit) {
        status = DECODE_BAD_SIZE;
        break;
      }
      if (end - position - FRAME_HEADER_SIZE < size) break;
      if (decompressBlock(this.#span, position + FRAME_HEADER_SIZE, size, this.#span, page, pageSize) !== pageSize) {
        status = DECODE_BAD_BLOCK;
        break;
      }
      crcUpdate(this.#register, view, position, FRAME_HEADER_SIZE);
      crcUpdate(this.#register, view, page, pageSize);
      this.#pgnos[count] = pgno;
      this.#sizes[count] = FRAME_HEADER_SIZE + size;
      count++;
      page += pageSize;
      position += FRAME_HEADER_SIZE + size;
    }
    this.#result[0] = position - from;
    this.#result[1] = count;
    return status;
  }

  mergeFrames(count: number, pageSize: number): number {
    const { view } = this.#span;
    for (let i = 0; i < count; i++) {
      const frame = this.#offsets[i] ?? 0;
      const target = this.#pgnos[i] ?? 0;
      const size = view.getUint32(frame + PAGE_HEADER_SIZE, false);
      if (decompressBlock(this.#span, frame + FRAME_HEADER_SIZE, size, this.#span, OUT_OFFSET, pageSize) !== pageSize) return i;
      const input = this.#inputRegisters.subarray((target >>> 1) * 2, (target >>> 1) * 2 + 2);
      crcUpdate(input, view, frame, FRAME_HEADER_SIZE);
      crcUpdate(input, view, OUT_OFFSET, pageSize);
      if ((target & 1) === 0) continue;
      crcUpdate(this.#register, view, frame, FRAME_HEADER_SIZE);
      crcUpdate(this.#register, view, OUT_OFFSET, pageSize);
    }
    return count;
  }

  hashPages(count: number, pageSize: number): void {
    for (let i = 0; i < count; i++) xxh64(this.#span.view, IN_OFFSET + i * pageSize, pageSize, this.#hashes, i * 2);
  }
}
