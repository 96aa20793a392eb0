import type { LTXMergeSource } from "@ls/ltx";
import { Ending } from "../concurrency/ending.js";
import { Limit } from "../concurrency/limit.js";
import { Slicer } from "../concurrency/slicer.js";
import type { LTXFileInfo } from "../replica-client.js";
import { uninitialized } from "../uninitialized.js";
import { type FetchRange, LocalSource, RangeSource, type ReadLocal, type SharedByInputs, SPARE_BYTES } from "./range-source.js";

/** What is smaller has no memory of its own. */
const SMALL_BYTES = 64 * 1024;

/** Memory for many small things that go together: one buffer of its own costs as much as to fill it. */
class Slab {
  static readonly #BYTES: number = 512 * 1024;
  #bytes: Uint8Array<ArrayBuffer> = uninitialized(0);
  /** How much of {@link Slab.#bytes} is taken. */
  #taken = 0;
  #wanted: number;

  /** @param bytes what will be taken, at most. */
  constructor(bytes: number) {
    this.#wanted = bytes;
  }

  take(size: number): Uint8Array<ArrayBuffer> {
    if (size > this.#bytes.length - this.#taken) {
      if (size >= SMALL_BYTES) return uninitialized(size);
      // Most merges of many databases are of one small file.
      this.#bytes = uninitialized(Math.min(Slab.#BYTES, Math.max(this.#wanted, size)));
      this.#taken = 0;
    }
    this.#wanted -= size;
    this.#taken += size;
    return this.#bytes.subarray(this.#taken - size, this.#taken);
  }
}

const LEFT = new Error("the merge is over");
/** Until it is there. */
const NOTHING: LTXMergeSource = [];

/** A file that is fetched, and its place among all. */
interface Distant {
  readonly file: LTXFileInfo;
  readonly at: number;
}

export interface SourceOptions {
  /** Bytes of all inputs, each with its {@link SPARE_BYTES}. */
  readonly totalBytes: number;
  readonly fetch: FetchRange;
  readonly readLocal: ReadLocal | undefined;
  /** Bytes that a source fetches at a time. */
  readonly rangeBytes: number;
  /** Requests to the destination under way at a time, */
  readonly reads: number;
  /** and where all are for small files: those wait for answers, not for bytes. */
  readonly smallReads: number;
  readonly signal: AbortSignal;
}

/**
 * The inputs of one merge, which may be thousands: what they have in common exists once. When one fails or is left before its end, the merge is
 * over, and so is what the others fetch.
 */
export class MergeSources implements SharedByInputs {
  readonly fetch: FetchRange;
  readonly readLocal: ReadLocal | undefined;
  readonly rangeBytes: number;
  readonly reads: Limit;
  readonly #lanes: number;
  readonly #smallLanes: number;
  readonly #parent: AbortSignal;
  /** Heard by fetches only: most merges are of a few local files. */
  readonly #ending: Ending = new Ending();
  #isFollowing = false;
  /** Local copies are read synchronously: thousands of them must not hold the thread. */
  readonly slicer: Slicer;
  readonly #slab: Slab;
  readonly #follow = (): void => this.#ending.abort(this.#parent.reason);

  constructor({ totalBytes, fetch, readLocal, rangeBytes, reads, smallReads, signal }: SourceOptions) {
    signal.throwIfAborted();
    this.fetch = fetch;
    this.readLocal = readLocal;
    this.#slab = new Slab(totalBytes);
    this.rangeBytes = rangeBytes;
    this.reads = new Limit(reads);
    this.#lanes = reads;
    this.#smallLanes = smallReads;
    this.#parent = signal;
    this.slicer = new Slicer(signal);
  }

  /**
   * The bytes of files. What one range holds is read whole before the merge begins: there are thousands of small files, and to have all of them wait
   * for their bytes, each with promises of its own, costs more than the reading.
   */
  async open(files: readonly LTXFileInfo[]): Promise<LTXMergeSource[]> {
    const sources: LTXMergeSource[] = [];
    const distant: Distant[] = [];
    for (const file of files) {
      let source: LTXMergeSource = NOTHING;
      if (file.size > this.rangeBytes) {
        source = this.readLocal === undefined ? new RangeSource(this, file) : new LocalSource(this, file, this.readLocal);
      } else {
        if (this.slicer.due) await this.slicer.pause();
        const bytes = this.#readLocally(file);
        if (bytes === undefined) distant.push({ file, at: sources.length });
        else source = [bytes];
      }
      sources.push(source);
    }
    await this.#fetchWhole(distant, sources);
    return sources;
  }

  async #fetchWhole(distant: readonly Distant[], sources: LTXMergeSource[]): Promise<void> {
    let largest = 0;
    for (const { file } of distant) largest = Math.max(largest, file.size);
    const lanesAtMost = largest < SMALL_BYTES ? this.#smallLanes : this.#lanes;
    // All lanes take from one queue.
    const queue = distant.values();
    const lanes = Array.from({ length: Math.min(lanesAtMost, distant.length) }, async () => {
      // Each time it may go to another thread and come back, which what is to stay cannot do: that lies together.
      let buffer = uninitialized(0);
      for (const { file, at } of queue) {
        this.signal.throwIfAborted();
        const { size } = file;
        const range = { file, offset: 0, size };
        if (size >= SMALL_BYTES) {
          sources[at] = [await this.fetch(range, uninitialized(size), this.signal)];
          continue;
        }
        if (buffer.length < size) buffer = uninitialized(Math.min(largest, SMALL_BYTES));
        buffer = await this.fetch(range, buffer, this.signal);
        const bytes = this.#slab.take(size);
        bytes.set(buffer.subarray(0, size));
        sources[at] = [bytes];
      }
    });
    try {
      await Promise.all(lanes);
    } catch (error) {
      this.end(error);
      // Until then they may write to their buffers.
      await Promise.allSettled(lanes);
      throw error;
    }
  }

  #readLocally(file: LTXFileInfo): Uint8Array | undefined {
    if (this.readLocal === undefined) return undefined;
    const { size } = file;
    const bytes = this.#slab.take(size + SPARE_BYTES);
    return this.readLocal({ file, offset: 0, size }, bytes) ? bytes.subarray(0, size) : undefined;
  }

  /** Aborted when the merge is over. */
  get signal(): AbortSignal {
    if (!this.#isFollowing) {
      this.#isFollowing = true;
      if (this.#parent.aborted) this.#follow();
      else this.#parent.addEventListener("abort", this.#follow, { once: true });
    }
    return this.#ending.signal;
  }

  /** The merge is over. Everyone else hears the reason of the first one: whichever error is noticed first says why. */
  end(reason: unknown = LEFT): void {
    // Nothing is fetched any more that would have to follow.
    this.#isFollowing = true;
    this.#parent.removeEventListener("abort", this.#follow);
    this.#ending.abort(reason);
  }
}
