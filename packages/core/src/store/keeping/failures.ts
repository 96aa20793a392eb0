import { reportOf } from "../../db/events.js";
import { isLSError } from "../../errors.js";
import { retryDelayMs } from "../../replica/retry-delay.js";
import type { KeepingWork } from "../events.js";
import type { KeepingStatus } from "../status.js";

/** First wait after a failure, ms. */
const RETRY_BASE_MS = 1000;

/** What fails in keeping one destination: each kind of work waits out its own failures. */
export class KeepingFailures {
  readonly #inARow: Record<KeepingWork, number> = { merge: 0, snapshot: 0, retention: 0, verify: 0 };
  #lastError: { readonly error: unknown; readonly atMs: number } | undefined;

  /** Something failed when it was tried last. */
  get any(): boolean {
    return Object.values(this.#inARow).some((failures) => failures > 0);
  }

  /** @returns how often it has failed in a row now, and when to try it again. */
  failed(work: KeepingWork, error: unknown, nowMs: number): { readonly failures: number; readonly nextRetryMs: number } {
    const failures = ++this.#inARow[work];
    const retryable = isLSError(error) && error.retryable;
    this.#lastError = { error, atMs: nowMs };
    return { failures, nextRetryMs: nowMs + retryDelayMs({ failures, retryable, baseMs: RETRY_BASE_MS, random: Math.random() }) };
  }

  /** @returns how often it had failed in a row. */
  succeeded(work: KeepingWork): number {
    const failures = this.#inARow[work];
    this.#inARow[work] = 0;
    if (!this.any) this.#lastError = undefined;
    return failures;
  }

  status(): Pick<KeepingStatus, "lastError" | "failures"> {
    const last = this.#lastError;
    return {
      lastError: last === undefined ? undefined : { ...reportOf(last.error), at: new Date(last.atMs) },
      failures: Math.max(...Object.values(this.#inARow)),
    };
  }
}
