import { Ending } from "../concurrency/ending.js";
import type { ReplicaClient } from "../replica-client.js";
import { type FileRange, RangeReader } from "../restore/range-reader.js";

/** Requests of one filler under way at a time: each may take a thread to read its file, or a connection, and busy ones need not be woken. */
const REQUESTS = 16;

/** Ranges that were asked for together. */
interface Batch {
  readonly ranges: readonly FileRange[];
  readonly buffer: Uint8Array;
  /** Which range is next, and where in the buffer it goes. */
  next: number;
  at: number;
  /** Ranges under way. */
  running: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Fetches the ranges that the sources of one merge want, a few at a time. When one cannot be had, all the others are given up.
 */
export class RangeFiller {
  readonly signal: AbortSignal;
  readonly #moved: (() => void) | undefined;
  /** Batches that have ranges to begin, oldest first. */
  readonly #batches: Batch[] = [];
  /** Requests under way. */
  #running = 0;
  readonly #ending: Ending = new Ending();
  readonly #reader: RangeReader;
  /** Why nothing can be had any more. */
  #failure: { readonly error: unknown } | undefined;
  readonly #follow = (): void => this.#fail(this.signal.reason);

  /** @param moved is called after each range. */
  constructor(client: ReplicaClient, signal: AbortSignal, moved?: () => void) {
    this.#reader = new RangeReader(client, this.#ending.signal);
    this.signal = signal;
    this.#moved = moved;
  }

  /** Fills the start of `buffer` with the ranges, one behind the other. When the promise has settled, nothing writes there any more. */
  fill(ranges: readonly FileRange[], buffer: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.signal.throwIfAborted();
      if (this.#failure !== undefined) throw this.#failure.error;
      if (ranges.length === 0) return resolve();
      this.#batches.push({ ranges, buffer, next: 0, at: 0, running: 0, resolve, reject });
      if (this.#running === 0) this.signal.addEventListener("abort", this.#follow, { once: true });
      for (let free = Math.min(REQUESTS - this.#running, ranges.length); free > 0; free--) void this.#work();
    });
  }

  /** Fetches ranges until there are none that have not begun. */
  async #work(): Promise<void> {
    this.#running++;
    for (let batch = this.#batches[0]; batch !== undefined; batch = this.#batches[0]) {
      const range = batch.ranges[batch.next++];
      if (range === undefined) break;
      if (batch.next === batch.ranges.length) this.#batches.shift();
      const { at } = batch;
      batch.at += range.size;
      batch.running++;
      try {
        await this.#reader.fill(range, batch.buffer, at);
        this.#moved?.();
      } catch (error) {
        this.#fail(error);
      }
      batch.running--;
      this.#settle(batch);
    }
    if (--this.#running === 0) this.signal.removeEventListener("abort", this.#follow);
  }

  #settle({ running, next, ranges, resolve, reject }: Batch): void {
    if (running > 0) return;
    if (this.#failure !== undefined) reject(this.#failure.error);
    else if (next === ranges.length) resolve();
  }

  /** Only the first call counts. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#ending.abort(error);
    // Those that have begun end as their requests do.
    for (const batch of this.#batches.splice(0)) this.#settle(batch);
  }
}
