import { LSError } from "../errors.js";

/** A request that moves nothing for so long is broken off. */
const IDLE_MS = 60_000;
/** So much progress starts a deadline anew. */
const DEADLINE_BYTES = 1024 * 1024;

/** When a request counts as stalled. */
export interface StallLimits {
  /** Longest time without any movement in ms, 1 or more. Default 60,000. */
  readonly idleMs?: number | undefined;
  /** Longest time in ms, 1 or more, for all of it, or for the next MiB of it where bytes are reported. Catches what trickles. Default: none. */
  readonly deadlineMs?: number | undefined;
}

/**
 * A request's own signal: aborted with its parent, when nothing has moved for too long, and at its deadline. Not `AbortSignal.any`, which leaves a
 * trace in the parent for each of the many thousand requests of a long restore. Always {@link StallWatch.stop} it.
 */
export class StallWatch {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #follow = (): void => this.#controller.abort(this.#parent?.reason);
  readonly #idleMs: number;
  readonly #deadlineMs: number;
  #movedAt = 0;
  #deadlineFrom = 0;
  #bytes = 0;
  #pausedAt: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parent: AbortSignal | undefined, { idleMs = IDLE_MS, deadlineMs = Number.POSITIVE_INFINITY }: StallLimits = {}) {
    this.#parent = parent;
    this.#idleMs = idleMs;
    this.#deadlineMs = deadlineMs;
    this.start();
  }

  /** Watches another request, after {@link StallWatch.stop}: with the signal that it has, so only while that is not aborted. A new watch costs as much as a small request. */
  start(): void {
    this.#movedAt = this.#deadlineFrom = performance.now();
    this.#bytes = 0;
    this.#pausedAt = undefined;
    if (this.#parent?.aborted === true) this.#follow();
    this.#parent?.addEventListener("abort", this.#follow, { once: true });
    this.#arm(this.#movedAt);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something moved; `bytes` of it count towards the deadline. */
  moved(bytes = 0): void {
    this.#movedAt = performance.now();
    this.#bytes += bytes;
    if (this.#bytes < DEADLINE_BYTES) return;
    this.#bytes = 0;
    this.#deadlineFrom = this.#movedAt;
  }

  /** What follows is not the service's time, until {@link StallWatch.resume}. */
  pause(): void {
    this.#pausedAt = performance.now();
  }

  resume(): void {
    if (this.#pausedAt === undefined) return;
    const pausedMs = performance.now() - this.#pausedAt;
    this.#movedAt += pausedMs;
    this.#deadlineFrom += pausedMs;
    this.#pausedAt = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#parent?.removeEventListener("abort", this.#follow);
  }

  /** One timer that looks again: setting it anew for each chunk would cost more than the chunk. */
  #arm(now: number): void {
    const waitMs = Math.min(this.#movedAt + this.#idleMs, this.#deadlineFrom + this.#deadlineMs) - now;
    this.#timer = setTimeout(() => this.#look(), Math.min(Math.max(1, Math.ceil(waitMs)), this.#idleMs));
  }

  #look(): void {
    const now = this.#pausedAt ?? performance.now();
    if (now >= this.#movedAt + this.#idleMs) this.#break(`nothing moved for ${this.#idleMs / 1000} s`);
    else if (now >= this.#deadlineFrom + this.#deadlineMs) this.#break(`it took longer than ${this.#deadlineMs / 1000} s`);
    else this.#arm(now);
  }

  #break(why: string): void {
    this.#controller.abort(new LSError("LS_STORAGE_UNAVAILABLE", why, { retryable: true }));
  }
}
