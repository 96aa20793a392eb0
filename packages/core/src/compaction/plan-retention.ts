import type { TXID } from "@ls/ltx";
import { L0_LEVEL, SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import { fileKey, planRestore } from "../restore/plan.js";
import { type Listing, usableSnapshots } from "./inventory.js";
import { agedFrom } from "./window.js";

/**
 * What may be deleted. Kept is every point that the settings promise: the newest state, each snapshot within its time, and above the oldest of
 * those every file end of every level (of level 0: within its own time, and until level 1 holds it). Only the oldest part of a level ever
 * goes, and never its newest file, where this and other implementations read how far the level reaches.
 *
 * A wrong clock must not delete the history at one go, so each pass has a cap; passes have their pace in `agenda.ts`.
 */

/** Share of the snapshots that one pass may delete (at least one). */
const SNAPSHOT_SHARE = 0.1;
/** Level-0 files that one pass may delete in any case, and beyond that their share. */
const L0_FILES = 64;
const L0_SHARE = 0.5;
const LEVELS_BETWEEN: readonly number[] = [1, 2, 3, 4, 5, 6, 7, 8];

export interface RetentionQuestion {
  readonly listing: Listing;
  readonly isUsable: (file: LTXFileRef) => boolean;
  /** How long files are kept, ms; 0 = for ever. */
  readonly retentionMs: number;
  readonly nowMs: number;
  /** When this process came to know the destination; not after `nowMs`. */
  readonly seenMs: number;
}

export interface RetentionPlan {
  /** In the order of deletion. */
  readonly files: readonly LTXFileInfo[];
  /** With nothing to delete: when there may be something, as far as the clock decides it. */
  readonly atMs: number | undefined;
}

const NOTHING: RetentionPlan = { files: [], atMs: undefined };

/** Snapshots past their time, and what levels 1 to 8 hold below the oldest snapshot that stays. */
export function planHistoryRetention(question: RetentionQuestion): RetentionPlan {
  const { listing, isUsable, retentionMs, nowMs, seenMs } = question;
  const snapshots = usableSnapshots(listing, isUsable);
  if (retentionMs === 0 || snapshots.length === 0) return NOTHING;
  const expiresMs = (file: LTXFileInfo): number => agedFrom(file.createdAt, seenMs, nowMs) + retentionMs;
  let expired = 0;
  while (expired < snapshots.length - 1 && isPast(snapshots[expired], expiresMs, nowMs)) expired++;
  const deleted = Math.min(expired, Math.max(1, Math.floor(snapshots.length * SNAPSHOT_SHARE)));
  const oldest = snapshots[deleted];
  if (oldest === undefined) return NOTHING;
  const files = [
    ...[...listing.level(SNAPSHOT_LEVEL)].filter((file) => file.maxTXID < oldest.maxTXID && isPast(file, expiresMs, nowMs)),
    ...LEVELS_BETWEEN.flatMap((level) => below(listing, level, oldest)),
  ];
  if (files.length > 0) return guarded(question, files);
  const first = snapshots[0];
  return { files, atMs: snapshots.length > 1 && first !== undefined ? expiresMs(first) : undefined };
}

/**
 * Level-0 files past their time that level 1 holds. They go together with all others that one file of level 1 holds: the ends inside it could
 * not be reached any more once the first of them is gone.
 * @param compacts whether level 1 is written at all; without it, level 0 goes when a snapshot that stays holds it.
 */
export function planL0Retention(question: RetentionQuestion, compacts: boolean): RetentionPlan {
  const { listing, isUsable, retentionMs, nowMs, seenMs } = question;
  const files = listing.level(L0_LEVEL);
  const first = files.at(0);
  if (retentionMs === 0 || first === undefined) return NOTHING;
  const heldUntil = compacts ? listing.maxTXID(1) : (usableSnapshots(listing, isUsable)[0]?.maxTXID ?? 0n);
  const expiresMs = (file: LTXFileInfo): number => agedFrom(file.createdAt, seenMs, nowMs) + retentionMs;
  // Mostly the first one tells: this is asked at every cut.
  if (first.maxTXID > heldUntil) return NOTHING;
  if (!isPast(first, expiresMs, nowMs)) return { files: [], atMs: expiresMs(first) };
  const newest = listing.maxTXID(L0_LEVEL);
  const borders = bordersFrom(listing, usableSnapshots(listing, isUsable), first.maxTXID);
  const most = Math.max(L0_FILES, Math.floor(files.length * L0_SHARE));
  const passed: LTXFileInfo[] = [];
  let deleted = 0;
  for (const file of files) {
    if (file.maxTXID > heldUntil) break;
    if (!isPast(file, expiresMs, nowMs)) {
      if (deleted === 0) return { files: [], atMs: expiresMs(file) };
      break;
    }
    if (file.maxTXID === newest) {
      deleted = passed.length;
      break;
    }
    passed.push(file);
    if (!borders.has(file.maxTXID)) continue;
    if (deleted > 0 && passed.length > most) break;
    deleted = passed.length;
  }
  return deleted === 0 ? NOTHING : guarded(question, passed.slice(0, deleted));
}

function isPast(file: LTXFileInfo | undefined, expiresMs: (file: LTXFileInfo) => number, nowMs: number): boolean {
  return file !== undefined && expiresMs(file) <= nowMs;
}

function below(listing: Listing, level: number, { maxTXID: oldest }: LTXFileRef): readonly LTXFileInfo[] {
  const newest = listing.maxTXID(level);
  const files: LTXFileInfo[] = [];
  for (const file of listing.level(level)) {
    if (file.minTXID >= oldest) break;
    if (file.maxTXID < oldest && file.maxTXID !== newest) files.push(file);
  }
  return files;
}

/** Ends of files in level 1 and of snapshots, from a TXID on: what is above one of them can be reached without what is below. */
function bordersFrom(listing: Listing, snapshots: readonly LTXFileInfo[], from: TXID): ReadonlySet<TXID> {
  const borders = new Set(snapshots.map((file) => file.maxTXID));
  for (const file of listing.level(1).endingAbove(from - 1n)) borders.add(file.maxTXID);
  return borders;
}

/** The last line of defence, for damage that was found: what the newest state needs stays, whatever the rules above say. */
function guarded({ listing, isUsable }: RetentionQuestion, files: readonly LTXFileInfo[]): RetentionPlan {
  const all = [L0_LEVEL, ...LEVELS_BETWEEN, SNAPSHOT_LEVEL].flatMap((level) => [...listing.level(level)]);
  const unusable = new Set(all.filter((file) => !isUsable(file)).map(fileKey));
  if (unusable.size === 0) return { files, atMs: undefined };
  const condemned = new Set(files.map(fileKey));
  const remaining = all.filter((file) => !condemned.has(fileKey(file)));
  return "plan" in planRestore(remaining, { kind: "latest" }, unusable) ? { files, atMs: undefined } : NOTHING;
}
