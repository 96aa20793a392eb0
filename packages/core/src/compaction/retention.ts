import { isLSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { isPinned } from "../restore/pins.js";

/** Files per call: what services with a bulk delete take in one request. */
const BATCH = 1000;

export interface DeletionOutcome {
  /** Certainly gone. */
  readonly deleted: readonly LTXFileInfo[];
  /** One per file that could not be deleted, as far as the service says; which files are still there, only a listing tells. */
  readonly failures: readonly unknown[];
  /** The destination does not let anything be deleted. */
  readonly isAppendOnly: boolean;
  /** Some were left because this process is reading them, or one below them. */
  readonly isHeld: boolean;
}

/**
 * Deletes files, in their order. Stops at the first batch that fails, in part or as a whole. What a restore in this process is reading stays, and in
 * its level everything behind it: only the oldest part of a level ever goes.
 * @throws the signal's reason.
 */
export async function deleteFiles(client: ReplicaClient, wanted: readonly LTXFileInfo[], signal: AbortSignal): Promise<DeletionOutcome> {
  const deleted: LTXFileInfo[] = [];
  const files = belowPins(client, wanted);
  for (let at = 0; at < files.length; at += BATCH) {
    const batch = files.slice(at, at + BATCH);
    signal.throwIfAborted();
    // A restore may have begun since the last batch.
    if (batch.some((file) => isPinned(client, file))) break;
    try {
      await client.deleteLTXFiles(batch, { signal });
    } catch (error) {
      signal.throwIfAborted();
      const failures: readonly unknown[] = error instanceof AggregateError ? error.errors : [error];
      return { deleted, failures, isAppendOnly: failures.length > 0 && failures.every((failure) => isLSError(failure, "LS_STORAGE_DENIED")), isHeld: false };
    }
    deleted.push(...batch);
  }
  return { deleted, failures: [], isAppendOnly: false, isHeld: deleted.length < wanted.length };
}

/** @param files each level's in its order. */
function belowPins(client: ReplicaClient, files: readonly LTXFileInfo[]): readonly LTXFileInfo[] {
  const held = new Set<number>();
  return files.filter((file) => {
    if (isPinned(client, file)) held.add(file.level);
    return !held.has(file.level);
  });
}
