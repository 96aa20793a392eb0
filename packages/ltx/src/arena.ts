import type { CRCRegister } from "./crc64.js";
import type { ByteSpan } from "./lz4-block.js";

/**
 * The memory that the codec works in: one buffer of fixed size and layout, either the memory of a WebAssembly
 * instance or a plain ArrayBuffer. Its size never changes: growing a WebAssembly memory detaches every view.
 *
 * | offset | size | content |
 * |---|---|---|
 * | 0 | 32 KiB | the kernel's own data (hash table) |
 * | 32 KiB | 64 KiB | registers and the per-frame tables below |
 * | 96 KiB | 512 KiB | IN: raw pages to encode, or file bytes to decode |
 * | 608 KiB | 512 KiB | OUT: frames, or decoded pages |
 * | 1120 KiB | 32 KiB | slack: wide copies may run up to 32 bytes past OUT |
 */
export const MEMORY_SIZE: number = 1152 * 1024;
export const KERNEL_DATA_END: number = 32 * 1024;
export const IN_OFFSET: number = 96 * 1024;
export const IN_SIZE: number = 512 * 1024;
export const OUT_OFFSET: number = IN_OFFSET + IN_SIZE;
export const OUT_SIZE: number = 512 * 1024;

/** Raw bytes that one encoder or decoder batch holds at most. 256 KiB is as fast as more, and takes 0.4 ms. */
export const BATCH_BYTES: number = 256 * 1024;

/** Entries in each per-frame table; bounds the frames of one call. 2048 pages of 512 bytes fill IN and OUT. */
export const TABLE_ENTRIES = 2048;
/** Running file checksum: 8 bytes. */
export const REGISTER_OFFSET: number = KERNEL_DATA_END;
/** x^(8 × (frame header + page size)) in the field of the checksum: moves a register over one frame. 8 bytes, set by the merge. */
const FRAME_SHIFT_OFFSET: number = REGISTER_OFFSET + 8;
/** What a call reports besides its return value: four u32. */
export const RESULT_OFFSET: number = REGISTER_OFFSET + 16;
export const PGNO_TABLE: number = KERNEL_DATA_END + 1024;
export const OFFSET_TABLE: number = PGNO_TABLE + TABLE_ENTRIES * 4;
export const SIZE_TABLE: number = OFFSET_TABLE + TABLE_ENTRIES * 4;
/** 64-bit values: page hashes, or the running checksums of a merge's inputs. */
export const WIDE_TABLE: number = SIZE_TABLE + TABLE_ENTRIES * 4;

/** Why {@link Arena.decodeFrames} stopped. */
export const DECODE_MORE = 0; // the next frame is not complete, or the batch is full
export const DECODE_END = 1; // the zero page header was consumed
export const DECODE_LEGACY = 2; // the next frame has no size prefix
export const DECODE_BAD_FLAGS = 3;
export const DECODE_BAD_SIZE = 4;
export const DECODE_BAD_BLOCK = 5;

/** The two implementations of the inner loops work on the same memory layout and give the same bytes. */
export interface Kernel {
  readonly memory: ArrayBuffer;
  /**
   * Encodes `count` pages, taken from OFFSET_TABLE (absolute) with the numbers in PGNO_TABLE, as frames at `to`.
   * Fills SIZE_TABLE, advances the register. Returns the bytes written.
   */
  encodePages(count: number, pageSize: number, to: number, log: number): number;
  /**
   * Decodes up to `maxPages` frames from `length` bytes at `from` into OUT. Fills PGNO_TABLE and SIZE_TABLE, advances
   * the register. RESULT: bytes consumed, pages. Returns a DECODE_ status; what was consumed before it is valid.
   */
  decodeFrames(from: number, length: number, pageSize: number, maxPages: number): number;
  /**
   * Decompresses `count` complete frames (offsets in OFFSET_TABLE, lengths already checked) for their checksums only. PGNO_TABLE
   * holds, per frame, twice the index of its input's register in WIDE_TABLE, plus 1 if it also goes to the output's register.
   * FRAME_SHIFT must be set for the page size. Returns `count`, or the index of the first frame that does not hold one page.
   */
  mergeFrames(count: number, pageSize: number): number;
  /** XXH64 (seed 0) of `count` pages lying one after the other at IN, into WIDE_TABLE. */
  hashPages(count: number, pageSize: number): void;
}

/** Memory, its views, and the kernel that works on it. */
export class Arena implements ByteSpan {
  readonly kernel: Kernel;
  /** The choice of kernel that this one comes from. */
  readonly generation: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly register: CRCRegister;
  readonly frameShift: CRCRegister;
  readonly result: Uint32Array<ArrayBuffer>;
  readonly pgnos: Uint32Array<ArrayBuffer>;
  readonly offsets: Uint32Array<ArrayBuffer>;
  readonly sizes: Uint32Array<ArrayBuffer>;
  /** {@link WIDE_TABLE} as page hashes: pairs of 32-bit words, low word first. */
  readonly hashes: Uint32Array<ArrayBuffer>;
  /** {@link WIDE_TABLE} as checksum registers. */
  readonly inputRegisters: CRCRegister;

  constructor(kernel: Kernel, generation: number) {
    const { memory } = kernel;
    this.kernel = kernel;
    this.generation = generation;
    this.bytes = new Uint8Array(memory);
    this.view = new DataView(memory);
    this.register = new Int32Array(memory, REGISTER_OFFSET, 2);
    this.frameShift = new Int32Array(memory, FRAME_SHIFT_OFFSET, 2);
    this.result = new Uint32Array(memory, RESULT_OFFSET, 4);
    this.pgnos = new Uint32Array(memory, PGNO_TABLE, TABLE_ENTRIES);
    this.offsets = new Uint32Array(memory, OFFSET_TABLE, TABLE_ENTRIES);
    this.sizes = new Uint32Array(memory, SIZE_TABLE, TABLE_ENTRIES);
    this.hashes = new Uint32Array(memory, WIDE_TABLE, TABLE_ENTRIES * 2);
    this.inputRegisters = new Int32Array(memory, WIDE_TABLE, TABLE_ENTRIES * 2);
  }
}
