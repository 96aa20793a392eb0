import { isLSError } from "../errors.js";

/** How often one piece of work may fail, and how long to wait in between. */
export interface RetryLimits {
  /** Failures in a row that are waited out; the next one is given up on, 0 or more. Default 5. */
  readonly maxFailures?: number | undefined;
  /** First wait in ms, 0 or more; doubled each time, less up to half of it by chance. Default 250. */
  readonly firstWaitMs?: number | undefined;
  /** Longest wait in ms, 0 or more; also where a service asks for a longer one. Default 8000. */
  readonly maxWaitMs?: number | undefined;
}

/** So much progress makes earlier failures forgotten: a restore of a day survives a dropped connection an hour. */
const PROGRESS_BYTES = 256 * 1024;

/**
 * How often one piece of work may fail, and how long to wait in between. Progress refills it: what it bounds is failing without getting on.
 * A service that says how long it wants to be left alone does so in `details.retryAfterMs` of the error.
 */
export class RetryBudget {
  readonly #signal: AbortSignal | undefined;
  readonly #maxFailures: number;
  readonly #firstWaitMs: number;
  readonly #maxWaitMs: number;
  #failures = 0;
  #progress = 0;

  constructor(signal: AbortSignal | undefined, { maxFailures = 5, firstWaitMs = 250, maxWaitMs = 8000 }: RetryLimits = {}) {
    this.#signal = signal;
    this.#maxFailures = maxFailures;
    this.#firstWaitMs = firstWaitMs;
    this.#maxWaitMs = maxWaitMs;
  }

  /** Bytes were received. */
  progress(bytes: number): void {
    this.#progress += bytes;
    if (this.#progress < PROGRESS_BYTES) return;
    this.#failures = 0;
    this.#progress = 0;
  }

  /** Resolves when it is time to try again. Rejects with `error` when that would be pointless, with the signal's reason when it is aborted. */
  async afterFailure(error: unknown): Promise<void> {
    this.#signal?.throwIfAborted();
    this.#failures++;
    this.#progress = 0;
    if (this.#failures > this.#maxFailures || !isLSError(error) || !error.retryable) throw error;
    // Those that failed together must not come back together.
    const backoffMs = this.#firstWaitMs * 2 ** (this.#failures - 1) * (1 - Math.random() / 2);
    const askedMs = typeof error.details.retryAfterMs === "number" ? error.details.retryAfterMs : 0;
    await delay(Math.min(Math.max(backoffMs, askedMs), this.#maxWaitMs), this.#signal);
  }
}

/**
 * Does something that can be repeated as a whole, again while it fails with a retryable {@link LSError} and the budget lasts.
 * @param work gets the number of the attempt, from 1: from the second on, an earlier one may have had its effect.
 * @throws the last failure; the signal's reason.
 */
export async function retrying<T>(work: (attempt: number) => Promise<T>, signal: AbortSignal | undefined, limits?: RetryLimits): Promise<T> {
  const budget = new RetryBudget(signal, limits);
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      await budget.afterFailure(error);
    }
  }
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
