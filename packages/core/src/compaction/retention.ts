import { isLSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";

/** Files per call: what services with a bulk delete take in one request. */
const BATCH = 1000;

export interface DeletionOutcome {
  /** Certainly gone. */
  readonly deleted: readonly LTXFileInfo[];
  /** One per file that could not be deleted, as far as the service says; which files are still there, only a listing tells. */
  readonly failures: readonly unknown[];
  /** The destination does not let anything be deleted. */
  readonly isAppendOnly: boolean;
}

/** Deletes files, in their order. Stops at the first batch that fails, in part or as a whole. @throws the signal's reason. */
export async function deleteFiles(client: ReplicaClient, files: readonly LTXFileInfo[], signal: AbortSignal): Promise<DeletionOutcome> {
  const deleted: LTXFileInfo[] = [];
  for (let at = 0; at < files.length; at += BATCH) {
    const batch = files.slice(at, at + BATCH);
    signal.throwIfAborted();
    try {
      await client.deleteLTXFiles(batch, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
      return { deleted, failures, isAppendOnly: failures.length > 0 && failures.every((failure) => isLSError(failure, "LS_STORAGE_DENIED")) };
    }
    deleted.push(...batch);
  }
  return { deleted, failures: [], isAppendOnly: false };
}
