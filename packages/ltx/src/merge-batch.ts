import { type Arena, BATCH_BYTES, IN_OFFSET, IN_SIZE, OUT_OFFSET, TABLE_ENTRIES } from "./arena.js";
import { acquireArena, releaseArena } from "./arena-pool.js";
import { type CRCRegister, copyRegister, crcReset, crcShift, crcUpdate, crcUpdateBytes } from "./crc64.js";
import { LTXError } from "./error.js";
import { FRAME_HEADER_SIZE } from "./format.js";
import { throwOnBadFrame } from "./frame-status.js";
import { decodeLegacyFrame } from "./legacy-frame.js";
import { hashLog } from "./lz4-block.js";
import type { MergeInput } from "./merge-input.js";

/** How many bytes of frames one kernel call gets at most. A single frame always fits. */
const BATCH_LIMIT = Math.min(IN_SIZE, BATCH_BYTES);

/**
 * Frames of a merge on their way through the kernel, in the order of the output. Each is decompressed once, for the
 * checksum of its file and, if it is not superseded, of the output; its compressed bytes go out as they came.
 */
export class MergeBatch {
  readonly #arena: Arena = acquireArena();
  readonly #pageSize: number;
  #count = 0;
  /** Bytes of IN taken, the pending copy included. */
  #used = 0;
  /** Inputs whose running checksum lies in the kernel's table. */
  readonly #slots: MergeInput[] = [];
  /** A stretch of one input's bytes that still has to be copied to IN: neighbouring frames are copied together. */
  #copyFrom: MergeInput | undefined;
  #copyStart = 0;
  #copyLength = 0;
  /** Stretches of IN that go to the output: start and end in turn. */
  readonly #emit: number[] = [];

  constructor(pageSize: number) {
    this.#pageSize = pageSize;
    crcReset(this.#arena.register);
    const power: CRCRegister = new Int32Array([0, 1 << 31]); // x^0
    crcShift(power, FRAME_HEADER_SIZE + pageSize);
    this.#arena.frameShift.set(power);
  }

  /** Adds bytes to the output's checksum that are not a frame. */
  checksum(bytes: Uint8Array): void {
    crcUpdateBytes(this.#arena.register, bytes);
  }

  /** The output's running checksum. */
  get register(): CRCRegister {
    return this.#arena.register;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether the current frame of `input` still fits. */
  hasRoom(input: MergeInput): boolean {
    return this.#count < TABLE_ENTRIES && (this.#count === 0 || this.#used + input.size <= BATCH_LIMIT);
  }

  /** Takes the current frame of `input`, which must fit. Its bytes may still be needed: see {@link detach}. */
  add(input: MergeInput, emit: boolean): void {
    const { pgnos, offsets } = this.#arena;
    if (input.slot < 0) {
      input.slot = this.#slots.push(input) - 1;
      copyRegister(input.registers, input.registerAt, this.#arena.inputRegisters, input.slot * 2);
    }
    pgnos[this.#count] = (input.slot << 1) | (emit ? 1 : 0);
    offsets[this.#count] = IN_OFFSET + this.#used;
    this.#count++;
    if (this.#copyFrom !== input) {
      this.#copy();
      this.#copyFrom = input;
      this.#copyStart = input.at;
    }
    this.#copyLength += input.size;
    if (emit) {
      const last = this.#emit.length - 1;
      if (this.#emit[last] === this.#used) this.#emit[last] += input.size;
      else this.#emit.push(this.#used, this.#used + input.size);
    }
    this.#used += input.size;
  }

  /** Must be called before the bytes of `input` move. */
  detach(input: MergeInput): void {
    if (this.#copyFrom === input) this.#copy();
  }

  #copy(): void {
    const input = this.#copyFrom;
    if (input === undefined) return;
    const target = IN_OFFSET + this.#used - this.#copyLength;
    this.#arena.bytes.set(input.bytes.subarray(this.#copyStart, this.#copyStart + this.#copyLength), target);
    this.#copyFrom = undefined;
    this.#copyLength = 0;
  }

  /** Runs the kernel over the frames taken and returns the bytes for the output, possibly none: a view, valid until the next {@link add}. */
  flush(): Uint8Array<ArrayBuffer> {
    this.#copy();
    const arena = this.#arena;
    const good = arena.kernel.mergeFrames(this.#count, this.#pageSize);
    if (good < this.#count)
      throw new LTXError("LTX_CORRUPTED", `a page frame of input ${this.#slots[(arena.pgnos[good] ?? 0) >>> 1]?.order} does not hold one page`);
    for (const input of this.#slots) {
      copyRegister(arena.inputRegisters, input.slot * 2, input.registers, input.registerAt);
      input.slot = -1;
    }
    // Superseded frames lie in between: what goes out moves together, from the first gap on.
    let end = IN_OFFSET + (this.#emit[0] ?? 0);
    const start = end;
    for (let i = 0; i < this.#emit.length; i += 2) {
      const [from, to] = [IN_OFFSET + (this.#emit[i] ?? 0), IN_OFFSET + (this.#emit[i + 1] ?? 0)];
      if (from !== end) arena.bytes.copyWithin(end, from, to);
      end += to - from;
    }
    this.#slots.length = 0;
    this.#emit.length = 0;
    this.#count = 0;
    this.#used = 0;
    return arena.bytes.subarray(start, end);
  }

  /**
   * Takes the current frame of `input` alone, for what the kernel does not do: legacy frames, which are re-encoded, and pages
   * that count for a database checksum. Call {@link flush} before. Returns the bytes for the output: a view, valid until the next call.
   */
  single(input: MergeInput, emit: boolean): Uint8Array<ArrayBuffer> {
    const arena = this.#arena;
    const { pageSize } = input.header;
    arena.bytes.set(input.bytes.subarray(input.at, input.at + input.size), IN_OFFSET);
    const outputRegister = arena.register.slice();
    copyRegister(input.registers, input.registerAt, arena.register, 0);
    if (input.legacy) decodeLegacyFrame(arena, IN_OFFSET, input.size, pageSize);
    else throwOnBadFrame(arena.kernel.decodeFrames(IN_OFFSET, input.size, pageSize, 1), input.frameOffset);
    copyRegister(arena.register, 0, input.registers, input.registerAt);
    arena.register.set(outputRegister);
    input.databaseChecksum?.add(input.pgno, arena.view, OUT_OFFSET, pageSize);
    if (!emit) return new Uint8Array(0);
    if (!input.legacy) {
      crcUpdate(arena.register, arena.view, IN_OFFSET, FRAME_HEADER_SIZE);
      crcUpdate(arena.register, arena.view, OUT_OFFSET, pageSize);
      return arena.bytes.subarray(IN_OFFSET, IN_OFFSET + input.size);
    }
    arena.bytes.copyWithin(IN_OFFSET, OUT_OFFSET, OUT_OFFSET + pageSize);
    arena.pgnos[0] = input.pgno;
    arena.offsets[0] = IN_OFFSET;
    const written = arena.kernel.encodePages(1, pageSize, OUT_OFFSET, hashLog(pageSize));
    return arena.bytes.subarray(OUT_OFFSET, OUT_OFFSET + written);
  }

  /** Gives the memory back. */
  dispose(): void {
    releaseArena(this.#arena);
  }
}
