import type { Limit } from "../concurrency/limit.js";
import type { Slicer } from "../concurrency/slicer.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { FileRange } from "../restore/range-reader.js";
import { uninitialized } from "../uninitialized.js";
import { BUFFERS_PER_SOURCE } from "./merge-budget.js";

/** Room behind a range that a local copy is read to: that a file ends where it should shows by what is not read there. */
export const SPARE_BYTES = 1;

/**
 * Fills the start of a buffer with a range of a file's local copy. {@link SPARE_BYTES} behind it may be written to.
 * @returns false when there is no such copy (any more).
 */
export type ReadLocal = (range: FileRange, buffer: Uint8Array) => boolean;

/**
 * Gets ranges of files from the destination, one behind the other: into the start of `buffer`, or of one as large that takes its place. `buffer` is
 * lent until the promise has settled.
 */
export type FetchRanges = (ranges: readonly FileRange[], buffer: Uint8Array<ArrayBuffer>, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;

/** What all inputs of one merge have in common. */
export interface SharedByInputs {
  readonly fetch: FetchRanges;
  /** Bytes that are fetched at a time. */
  readonly rangeBytes: number;
  /** Requests under way. */
  readonly reads: Limit;
  /** Aborted when the merge is over. */
  readonly signal: AbortSignal;
  readonly slicer: Slicer;
  /** The merge is over. */
  end(reason?: unknown): void;
}

type Chunk = IteratorResult<Uint8Array, undefined>;

/** Bytes of a local copy that are read at a time: worth opening the file for, and of two dozen inputs still in the processor's cache when they are merged. */
const LOCAL_BYTES = 128 * 1024;

/**
 * The bytes of one input of a merge, in ranges from the destination. Between two ranges nothing is held open, so it does not matter how long the
 * merge reads from other inputs meanwhile. One range is fetched ahead. A chunk stays valid until the next but one is asked for.
 */
export class RangeSource implements AsyncIterableIterator<Uint8Array> {
  readonly #sources: SharedByInputs;
  readonly #file: LTXFileInfo;
  readonly #buffers: Uint8Array<ArrayBuffer>[] = [];
  #offset: number;
  #count = 0;
  #running: Promise<Uint8Array> | undefined;

  constructor(sources: SharedByInputs, file: LTXFileInfo, offset = 0) {
    this.#sources = sources;
    this.#file = file;
    this.#offset = offset;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Chunk> {
    const running = this.#running ?? this.#fetchNext();
    if (running === undefined) return { value: undefined, done: true };
    try {
      const value = await running;
      this.#running = this.#fetchNext();
      return { value, done: false };
    } catch (error) {
      this.#sources.end(error);
      throw error;
    }
  }

  /** The buffers are done with only when nothing writes to them any more. */
  async return(): Promise<Chunk> {
    if (this.#running !== undefined) {
      this.#sources.end();
      await this.#running.catch(() => {});
    }
    this.#offset = this.#file.size;
    this.#running = undefined;
    return { value: undefined, done: true };
  }

  #fetchNext(): Promise<Uint8Array> | undefined {
    const { size } = this.#file;
    if (this.#offset >= size) return undefined;
    const range = { file: this.#file, offset: this.#offset, size: Math.min(this.#sources.rangeBytes, size - this.#offset) };
    this.#offset += range.size;
    const fetched = this.#fetch(range, this.#count++ % BUFFERS_PER_SOURCE);
    // It is awaited in its turn; until then its failure is no unhandled rejection.
    fetched.catch(() => {});
    return fetched;
  }

  async #fetch(range: FileRange, slot: number): Promise<Uint8Array> {
    const { fetch, reads, signal } = this.#sources;
    const buffer = await reads.run(async () => {
      signal.throwIfAborted();
      return fetch([range], this.#buffers[slot] ?? uninitialized(range.size), signal);
    });
    this.#buffers[slot] = buffer;
    return buffer.length === range.size ? buffer : buffer.subarray(0, range.size);
  }
}

/**
 * The bytes of one input of a merge from its local copy, as long as there is one: read when they are asked for, so that nothing waits for them. The
 * rest comes from the destination. A chunk stays valid until the next one is asked for.
 */
export class LocalSource {
  readonly #sources: SharedByInputs;
  readonly #file: LTXFileInfo;
  readonly #readLocal: ReadLocal;
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #offset = 0;
  #distant: RangeSource | undefined;

  constructor(sources: SharedByInputs, file: LTXFileInfo, readLocal: ReadLocal) {
    this.#sources = sources;
    this.#file = file;
    this.#readLocal = readLocal;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Chunk | Promise<Chunk> {
    if (this.#distant !== undefined) return this.#distant.next();
    return this.#sources.slicer.due ? this.#nextAfterPause() : this.#readNext();
  }

  async return(): Promise<void> {
    await this.#distant?.return();
  }

  async #nextAfterPause(): Promise<Chunk> {
    await this.#sources.slicer.pause();
    return this.#readNext();
  }

  #readNext(): Chunk | Promise<Chunk> {
    const size = Math.min(LOCAL_BYTES, this.#sources.rangeBytes, this.#file.size - this.#offset);
    if (size === 0) return { value: undefined, done: true };
    this.#buffer ??= uninitialized(size + SPARE_BYTES);
    try {
      if (!this.#readLocal({ file: this.#file, offset: this.#offset, size }, this.#buffer)) {
        this.#buffer = undefined;
        this.#distant = new RangeSource(this.#sources, this.#file, this.#offset);
        return this.#distant.next();
      }
    } catch (error) {
      this.#sources.end(error);
      throw error;
    }
    this.#offset += size;
    return { value: this.#buffer.subarray(0, size), done: false };
  }
}
