import type { Slicer } from "../../concurrency/slicer.js";
import { isLSError, LSError } from "../../errors.js";
import { isBusy } from "../../sqlite/driver.js";

/** Longest wait of a request for a lock that is held for a moment only. */
const BUSY_MS = 5000;
const BUSY_RETRY_MS = 5;

/** What a caller gets has a code. */
export function withCode(error: unknown): unknown {
  if (isLSError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LSError(isBusy(error) ? "LS_NOT_READY" : "LS_INTERNAL", message, { cause: error, retryable: true });
}

/** Tries again while another connection rebuilds the wal-index, which a killed writer leaves to whoever comes next. */
export async function unlessBusy<T>(slicer: Slicer, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + BUSY_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS));
      await slicer.pause();
    }
  }
}
