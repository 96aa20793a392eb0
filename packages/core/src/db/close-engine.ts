import type { TXID } from "@ls/ltx";
import { LSError } from "../errors.js";
import type { EngineHost } from "./protocol.js";

/** How long something that was told to stop may take before it is abandoned. */
export const GRACE_MS = 5000;

export interface CloseEngineOptions {
  /** Path of the database. */
  readonly path: string;
  /** The last cut is of no use. */
  readonly discard: boolean;
  /** The last cut is given up when this aborts. */
  readonly deadline: AbortSignal;
}

/**
 * Has the engine make its last cut and release everything.
 * @returns the newest TXID on the local disk.
 * @throws LSError `LS_INTERNAL` when the engine does not answer for seconds although nothing is left to do; errors of the last cut, after the release.
 */
export async function closeEngine(host: EngineHost, { path, discard, deadline }: CloseEngineOptions): Promise<TXID> {
  const closed = host.request("close", { discard });
  let abandon: NodeJS.Timeout | undefined;
  let giveUp = (): void => {};
  const abandoned = new Promise<never>((_, reject) => {
    giveUp = () => {
      // The answer is the first request's.
      host.request("close", { discard: true }).catch(() => {});
      abandon = setTimeout(() => reject(new LSError("LS_INTERNAL", `the engine of ${path} does not answer`)), GRACE_MS);
    };
  });
  if (discard || deadline.aborted) giveUp();
  else deadline.addEventListener("abort", giveUp, { once: true });
  try {
    const { txid } = await Promise.race([closed, abandoned]);
    return txid;
  } finally {
    deadline.removeEventListener("abort", giveUp);
    clearTimeout(abandon);
  }
}
