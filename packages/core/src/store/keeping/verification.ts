import { type LevelIssue, verifyLevels } from "../../compaction/verify.js";
import type { EventSink } from "../../db/events.js";
import type { KeepingEventBody } from "../events.js";
import type { KnownDestination } from "./known-destination.js";

export interface Verification {
  readonly issues: readonly LevelIssue[];
  /** The newest state cannot be restored from what is there, and a snapshot of it is wanted. */
  readonly isSnapshotWanted: boolean;
}

/**
 * Lists a destination and checks what a listing can tell. When the newest state cannot be restored any more, because a lifecycle rule of the
 * service took the last snapshot of an idle database perhaps, that listing counts from now on, and a snapshot is wanted.
 * @throws errors of the client.
 */
export async function verifyDestination(known: KnownDestination, events: EventSink<KeepingEventBody>, signal: AbortSignal): Promise<Verification> {
  const { newestTXID } = known;
  const files = await known.list(signal);
  const issues = verifyLevels(files, newestTXID);
  events.emit({ type: "verified", issues });
  const { memory } = known;
  const isLost = issues.some(({ type }) => type === "not-restorable");
  if (!isLost || memory === undefined || !known.goBy(files)) return { issues, isSnapshotWanted: false };
  memory.wantsSnapshot = true;
  return { issues, isSnapshotWanted: true };
}
