import type { Clock } from "../src/store/clock.js";

interface Timer {
  readonly atMs: number;
  readonly call: () => void;
}

/** A clock that only moves when told to. Its timers run by elapsed time, as real ones do, also when the clock is set. */
export class FakeClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  readonly #timers: Set<Timer> = new Set();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer = { atMs: this.#elapsedMs + ms, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Sets the clock without time passing. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** Lets time pass; timers fire in order, and `settle` runs after each. */
  async advance(ms: number, settle: () => Promise<void> = async () => {}): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#step(next.atMs);
      next.call();
      await settle();
    }
    this.#step(untilMs);
  }

  #step(toMs: number): void {
    this.#nowMs += toMs - this.#elapsedMs;
    this.#elapsedMs = toMs;
  }
}
