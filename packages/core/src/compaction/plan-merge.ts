import type { TXID } from "@ls/ltx";
import { L0_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import type { TXIDRange } from "../restore/plan.js";
import { type Listing, usableSnapshots } from "./inventory.js";
import { fittingCount } from "./merge-budget.js";

/**
 * What to merge into a level.
 *
 * Levels nest: a file covers whole files of the level below, and starts where the newest file of its own level ends. An empty level 1 starts
 * directly above a snapshot, so that the image a new database begins with is not written again at every level; without snapshots it starts at
 * TXID 1. Where files below are missing or damaged, a level starts again directly above a snapshot that holds what they held, or with the file that
 * the snapshot ends in.
 */
export interface MergeQuestion {
  readonly listing: Listing;
  /** The level to write, 1 to 8. */
  readonly level: number;
  /** Whether a file has not turned out to be damaged. */
  readonly isUsable: (file: LTXFileRef) => boolean;
  /** Whether snapshots are taken at all. */
  readonly takesSnapshots: boolean;
}

export type MergePlan =
  /** Oldest first; the result covers the first one's minTXID to the last one's maxTXID. There are enough of them since `last` was written. */
  | { readonly status: "merge"; readonly files: readonly LTXFileInfo[]; readonly last: LTXFileInfo }
  | { readonly status: "nothing-new" }
  /** The first snapshot comes first. */
  | { readonly status: "await-snapshot" }
  /** Files are missing or damaged, and no snapshot holds what they held: only one that reaches `missing.maxTXID` lets the level go on. */
  | { readonly status: "blocked"; readonly missing: TXIDRange };

/**
 * A lone level-0 file stays where it is: copied up by itself it would only be stored once more. Two are merged, because level 0 goes, and its times
 * with it. Files of the levels above stay as long as those that are made of them: these only spare a restore some requests, and four are worth one.
 */
const FEWEST_OF_LEVEL_0 = 2;
const FEWEST = 4;
const NOTHING_NEW: MergePlan = { status: "nothing-new" };

export function planMerge({ listing, level, isUsable, takesSnapshots }: MergeQuestion): MergePlan {
  const reached = listing.maxTXID(level);
  const newest = listing.maxTXID(level - 1);
  if (newest <= reached) return NOTHING_NEW;
  const snapshotEnds = usableSnapshots(listing, isUsable).map((file) => file.maxTXID);
  // Back to the first one that adds nothing.
  const usable = listing
    .level(level - 1)
    .endingAbove(reached)
    .filter(isUsable);
  const fewest = level - 1 === L0_LEVEL ? FEWEST_OF_LEVEL_0 : FEWEST;
  const start = startOf(level, reached, usable, snapshotEnds, takesSnapshots);
  if (start === undefined) return { status: "await-snapshot" };

  for (const from of [start, ...snapshotEnds.map((end) => end + 1n).filter((txid) => txid > start)]) {
    const run = runFrom(usable, from);
    const last = run[fewest - 1];
    if (last !== undefined) return { status: "merge", files: run.slice(0, fittingCount(run)), last };
  }

  const covered = runFrom(usable, start).at(-1)?.maxTXID ?? start - 1n;
  if (newest <= covered) return NOTHING_NEW;
  const next = usable.find((file) => file.minTXID > covered + 1n);
  const missing = { minTXID: covered + 1n, maxTXID: next === undefined ? newest : next.minTXID - 1n };
  const isHeld = snapshotEnds.some((end) => end >= missing.maxTXID);
  return isHeld ? NOTHING_NEW : { status: "blocked", missing };
}

/** Where the level goes on or begins; undefined while it has to wait for the first snapshot. */
function startOf(level: number, reached: TXID, usable: readonly LTXFileInfo[], snapshotEnds: readonly TXID[], takesSnapshots: boolean): TXID | undefined {
  if (reached > 0n) return reached + 1n;
  const lowest = usable[0]?.minTXID ?? 1n;
  if (level - 1 > L0_LEVEL) return lowest;
  const above = snapshotEnds.find((end) => runFrom(usable, end + 1n).length > 0);
  if (above !== undefined) return above + 1n;
  const newestEnd = snapshotEnds.at(-1);
  if (newestEnd !== undefined) return newestEnd + 1n;
  return takesSnapshots ? undefined : 1n;
}

/**
 * The longest run of files that covers every TXID from `start` on, each going as far as possible: files inside another one, which a crash may
 * leave, are passed over. The first begins at `start` where one does.
 * @param files ordered by (minTXID, maxTXID).
 */
function runFrom(files: readonly LTXFileInfo[], start: TXID): LTXFileInfo[] {
  const beginsThere = files.some((file) => file.minTXID === start);
  const run: LTXFileInfo[] = [];
  let next = start;
  let best: LTXFileInfo | undefined;
  for (const file of files) {
    if (beginsThere && file.minTXID < start) continue;
    if (file.minTXID > next) {
      if (best === undefined || best.maxTXID < next) break;
      run.push(best);
      next = best.maxTXID + 1n;
      best = undefined;
      if (file.minTXID > next) break;
    }
    if (file.maxTXID >= next && (best === undefined || file.maxTXID > best.maxTXID)) best = file;
  }
  if (best !== undefined && best.maxTXID >= next) run.push(best);
  return run;
}
