/** Longest wait between two attempts. */
export const MAX_RETRY_MS: number = 5 * 60_000;
/** First wait at least: `syncIntervalMs: 0` must not hammer a service that is down. And at most: a long interval is no reason to be late. */
const MIN_FIRST_MS = 100;
const MAX_FIRST_MS = 1000;
/** First wait after a failure that will not pass by itself, such as refused credentials: someone has to change something first. */
const FIRST_DENIED_MS = 5_000;

export interface RetryDelay {
  /** Failures in a row, at least 1. */
  readonly failures: number;
  /** Whether the failure may pass by itself. */
  readonly retryable: boolean;
  /** The replica's `syncIntervalMs`: the first wait, within its bounds. */
  readonly baseMs: number;
  /** Upper bound in ms, in addition to {@link MAX_RETRY_MS}; shutdown cannot wait minutes. */
  readonly capMs?: number | undefined;
  /** From 0 to below 1. */
  readonly random: number;
}

/**
 * How long to wait before the next attempt, in ms: doubling, at most five minutes, less up to a half. Without that jitter,
 * databases that failed together would come back together.
 */
export function retryDelayMs({ failures, retryable, baseMs, capMs = MAX_RETRY_MS, random }: RetryDelay): number {
  const first = retryable ? Math.min(Math.max(MIN_FIRST_MS, baseMs), MAX_FIRST_MS) : FIRST_DENIED_MS;
  // 2^32 is beyond the bound whatever the base: the exponent need not grow further.
  const wait = Math.min(first * 2 ** Math.min(failures - 1, 32), MAX_RETRY_MS, capMs);
  return Math.round(wait * (1 - random / 2));
}
