import type { TXID } from "@ls/ltx";
import { ALL_LEVELS } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import { fileKey, planRestore } from "../restore/plan.js";
import { type Listing, newestTXID, usableSnapshots } from "./inventory.js";
import { fittingCount } from "./merge-budget.js";

export interface SnapshotQuestion {
  readonly listing: Listing;
  readonly isUsable: (file: LTXFileRef) => boolean;
  /** 0 = only when wanted. */
  readonly intervalMs: number;
  readonly nowMs: number;
  /** When this process took its last snapshot, or came to know the destination; not after `nowMs`. */
  readonly lastMs: number;
  /** Take one without regard to the interval, if it holds anything new. */
  readonly isWanted: boolean;
  /** Whether the file is on the local disk as well. */
  readonly isLocal: (file: LTXFileInfo) => boolean;
  /** Size of the database in bytes, when a snapshot can be made from the database itself. */
  readonly databaseBytes: () => number | undefined;
}

export type SnapshotPlan =
  /** Merge these, oldest first: cheaper than reading the database, or the only way. */
  | { readonly status: "merge"; readonly files: readonly LTXFileInfo[] }
  /** Read it from the database. */
  | { readonly status: "image" }
  | { readonly status: "nothing-new" }
  | { readonly status: "too-early"; readonly atMs: number }
  /** What the destination holds does not add up to its newest state, and the database cannot be read. */
  | { readonly status: "impossible"; readonly missing: TXID };

/**
 * Whether a snapshot is due, and how to get it. Due is what the destination's newest snapshot says, not when this process started: restarts,
 * however frequent, neither delay nor multiply snapshots. The first is due at once.
 */
export function planSnapshot(question: SnapshotQuestion): SnapshotPlan {
  const { listing, isUsable, intervalMs, nowMs, lastMs, isWanted } = question;
  const newest = newestTXID(listing);
  const last = usableSnapshots(listing, isUsable).at(-1);
  if (newest === 0n || (last !== undefined && last.maxTXID >= newest)) return { status: "nothing-new" };
  if (!isWanted) {
    if (intervalMs === 0) return { status: "nothing-new" };
    // The earlier of the two: a clock that went back would have the snapshot's own time lie ahead.
    const dueMs = last === undefined ? nowMs : Math.min(last.createdAt.getTime(), lastMs) + intervalMs;
    if (dueMs > nowMs) return { status: "too-early", atMs: dueMs };
  }
  return source(question, newest);
}

function source({ listing, isUsable, isLocal, databaseBytes }: SnapshotQuestion, newest: TXID): SnapshotPlan {
  const imageBytes = databaseBytes();
  const allFiles = ALL_LEVELS.flatMap((level) => [...listing.level(level)]);
  const unusable = new Set(allFiles.filter((file) => !isUsable(file)).map(fileKey));
  const result = planRestore(allFiles, { kind: "latest" }, unusable);
  if (!("plan" in result)) return imageBytes === undefined ? { status: "impossible", missing: newest } : { status: "image" };
  const { files } = result.plan;
  const fetchedBytes = files.reduce((sum, file) => sum + (isLocal(file) ? 0 : file.size), 0);
  // A byte from the destination costs a request's share, time and often money; a page of the database is read and compressed locally.
  if (imageBytes !== undefined && (fetchedBytes > imageBytes / 2 || fittingCount(files) < files.length)) return { status: "image" };
  // Merged only as far as memory allows, it is a snapshot of an earlier moment, and the next one goes on from there.
  return { status: "merge", files: files.slice(0, fittingCount(files)) };
}
