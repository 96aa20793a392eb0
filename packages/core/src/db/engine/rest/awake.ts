/** Above this number of databases that are awake in a thread, idle ones rest soon: each costs eleven descriptors and half a megabyte. */
const AWAKE_LIMIT = 16;
/** How long one has to be idle then, ms; longer for one that was woken soon. */
const PRESSED_IDLE_MS = 250;
/** A rest that was shorter than so many idle times cost more than it saved: waking and letting go take some milliseconds. */
const WORTHWHILE = 30;

/** What is awake in this thread. */
const awake = new Set<object>();

/** How long a database has to be idle before it rests. */
export class IdleTime {
  readonly #restAfterMs: number;
  #pressedMs: number;

  /** @param restAfterMs when nothing presses; 0 = it never rests. */
  constructor(restAfterMs: number) {
    this.#restAfterMs = restAfterMs;
    this.#pressedMs = Math.min(PRESSED_IDLE_MS, restAfterMs);
  }

  /** The database is awake from now on. */
  rose(): void {
    awake.add(this);
  }

  /** It rests, or is captured no longer. */
  fell(): void {
    awake.delete(this);
  }

  get ms(): number {
    return awake.size > AWAKE_LIMIT ? this.#pressedMs : this.#restAfterMs;
  }

  /** A rest has ended, after so many ms. */
  rested(ms: number): void {
    this.#pressedMs =
      ms < WORTHWHILE * this.#pressedMs
        ? Math.min(this.#pressedMs * 4, this.#restAfterMs)
        : Math.max(this.#pressedMs / 2, Math.min(PRESSED_IDLE_MS, this.#restAfterMs));
  }
}
