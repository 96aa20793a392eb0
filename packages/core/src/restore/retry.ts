import { isLSError } from "../errors.js";

/** Failures in a row, without {@link PROGRESS_BYTES} between them, after which it is given up. */
const MAX_FAILURES = 5;
/** So much progress makes earlier failures forgotten: a restore of a day survives a dropped connection an hour. */
const PROGRESS_BYTES = 256 * 1024;
const FIRST_BACKOFF_MS = 250;

/** How often one piece of work may fail, and how long to wait in between: 250 ms, doubled each time. */
export class RetryBudget {
  readonly #signal: AbortSignal | undefined;
  #failures = 0;
  #progress = 0;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
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
    if (this.#failures > MAX_FAILURES || !isLSError(error) || !error.retryable) throw error;
    await delay(FIRST_BACKOFF_MS * 2 ** (this.#failures - 1), this.#signal);
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
