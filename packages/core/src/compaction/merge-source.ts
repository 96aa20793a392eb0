import type { LTXMergeSource } from "@ls/ltx";
import { bytesOf } from "../bytes-of.js";
import { Ending } from "../concurrency/ending.js";
import { Limit } from "../concurrency/limit.js";
import { Slicer } from "../concurrency/slicer.js";
import type { LTXFileInfo } from "../replica-client.js";
import { type FetchRanges, LocalSource, RangeSource, type ReadLocal, type SharedByInputs, SPARE_BYTES } from "./range-source.js";
import { SLAB_BYTES, Slabs, SMALL_BYTES } from "./slab.js";

const LEFT = new Error("the merge is over");
/** Until it is there. */
const NOTHING: LTXMergeSource = [];

/** A file that is fetched, and its place among all. */
interface Distant {
  readonly file: LTXFileInfo;
  readonly at: number;
}

/** Small files go together: each trip to another thread and back, and each buffer, costs more than such a file. */
function* batchesOf(distant: readonly Distant[]): Generator<readonly Distant[], void, undefined> {
  let batch: Distant[] = [];
  let bytes = 0;
  for (const one of distant) {
    const { size } = one.file;
    if (size >= SMALL_BYTES) {
      yield [one];
      continue;
    }
    if (bytes + size > SLAB_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(one);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

export interface SourceOptions {
  /** Bytes of all inputs, each with its {@link SPARE_BYTES}. */
  readonly totalBytes: number;
  readonly fetch: FetchRanges;
  readonly readLocal: ReadLocal | undefined;
  /** Bytes that a source fetches at a time. */
  readonly rangeBytes: number;
  /** Calls of {@link SourceOptions.fetch} under way at a time. */
  readonly reads: number;
  readonly signal: AbortSignal;
}

/**
 * The inputs of one merge, which may be thousands: what they have in common exists once. When one fails or is left before its end, the merge is
 * over, and so is what the others fetch.
 */
export class MergeSources implements SharedByInputs {
  readonly fetch: FetchRanges;
  readonly readLocal: ReadLocal | undefined;
  readonly rangeBytes: number;
  readonly reads: Limit;
  readonly #lanes: number;
  readonly #parent: AbortSignal;
  /** Heard by fetches only: most merges are of a few local files. */
  readonly #ending: Ending = new Ending();
  #isFollowing = false;
  /** Local copies are read synchronously: thousands of them must not hold the thread. */
  readonly slicer: Slicer;
  readonly #slabs: Slabs;
  readonly #follow = (): void => this.#ending.abort(this.#parent.reason);

  constructor({ totalBytes, fetch, readLocal, rangeBytes, reads, signal }: SourceOptions) {
    signal.throwIfAborted();
    this.fetch = fetch;
    this.readLocal = readLocal;
    this.#slabs = new Slabs(totalBytes);
    this.rangeBytes = rangeBytes;
    this.reads = new Limit(reads);
    this.#lanes = reads;
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
    // All lanes take from one queue.
    const queue = batchesOf(distant);
    const lanes = Array.from({ length: Math.min(this.#lanes, distant.length) }, () => this.#fetchBatches(queue, sources));
    try {
      await Promise.all(lanes);
    } catch (error) {
      this.end(error);
      // Until then they may write to their buffers.
      await Promise.allSettled(lanes);
      throw error;
    }
  }

  async #fetchBatches(queue: Iterable<readonly Distant[]>, sources: LTXMergeSource[]): Promise<void> {
    for (const batch of queue) {
      this.signal.throwIfAborted();
      const ranges = batch.map(({ file }) => ({ file, offset: 0, size: file.size }));
      const bytes = await this.fetch(ranges, this.#slabs.lend(bytesOf(ranges)), this.signal);
      this.#slabs.adopt(bytes);
      let end = 0;
      for (const { file, at } of batch) {
        end += file.size;
        sources[at] = [bytes.subarray(end - file.size, end)];
      }
    }
  }

  #readLocally(file: LTXFileInfo): Uint8Array | undefined {
    if (this.readLocal === undefined) return undefined;
    const { size } = file;
    const bytes = this.#slabs.take(size + SPARE_BYTES);
    if (this.readLocal({ file, offset: 0, size }, bytes)) return bytes.subarray(0, size);
    this.#slabs.putBack(bytes);
    return undefined;
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

  /** Nobody reads from any source any more. */
  release(): void {
    this.#slabs.release();
  }
}
