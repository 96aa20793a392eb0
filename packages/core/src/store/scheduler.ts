import { DueQueue } from "../concurrency/due-queue.js";
import type { Clock } from "./clock.js";

/** Something that has work from time to time. */
export interface Due {
  /** It is time. Returns at once; does not throw. */
  due(): void;
}

/** Longest sleep: a clock that was set forward is noticed after that. */
const MAX_SLEEP_MS = 60_000;

/** One timer for all databases. Without anything to wait for there is none. */
export class Scheduler {
  readonly #clock: Clock;
  readonly #queue: DueQueue<Due> = new DueQueue();
  #cancel: (() => void) | undefined;
  #timerMs: number = Number.POSITIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `item.due()` at that moment, and not at an earlier one that was asked for before; undefined = not at all. */
  set(item: Due, atMs: number | undefined): void {
    if (atMs === undefined) this.#queue.delete(item);
    else this.#queue.set(item, atMs);
    this.#arm();
  }

  #arm(): void {
    const { nextMs } = this.#queue;
    // A timer that is early does no harm, and most changes only put things off.
    if (nextMs !== undefined && nextMs >= this.#timerMs) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#timerMs = Number.POSITIVE_INFINITY;
    if (nextMs === undefined) return;
    const nowMs = this.#clock.now();
    const sleepMs = Math.min(Math.max(nextMs - nowMs, 0), MAX_SLEEP_MS);
    this.#timerMs = nowMs + sleepMs;
    this.#cancel = this.#clock.after(sleepMs, () => this.#fire());
  }

  #fire(): void {
    this.#cancel = undefined;
    this.#timerMs = Number.POSITIVE_INFINITY;
    // Only what is due now: an item that comes back at once waits for the next turn.
    const nowMs = this.#clock.now();
    const items: Due[] = [];
    for (let item = this.#queue.takeDue(nowMs); item !== undefined; item = this.#queue.takeDue(nowMs)) items.push(item);
    for (const item of items) item.due();
    this.#arm();
  }
}
