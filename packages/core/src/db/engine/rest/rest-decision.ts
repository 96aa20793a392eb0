import { FRAME_SALT1, FRAME_SALT2, frameEnd, WAL_FRAME_HEADER_SIZE } from "../../../wal/frame.js";
import type { CommittedEnd } from "../committed-end.js";
import { type FilesStamp, isFine, sameFiles } from "./files-stamp.js";

/**
 * How long the files must not have been touched before they are taken for untouched, ms. A file's times move in steps of a clock tick (10 ms at
 * most), so a write right after a look would not show beside one right before it.
 */
export const SETTLE_MS = 100;
/** Larger databases never rest, bytes: all of one may have to be compared with its page table afterwards. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Moments are `performance.now()` milliseconds. */
export interface RestFacts {
  readonly now: number;
  /** When the WAL was seen to have grown last, or capture began. */
  readonly idleSince: number;
  /** How long it has to be idle; 0 = it never rests. */
  readonly idleMs: number;
  /** At the last look nothing of the WAL was missing in the database file. */
  readonly folded: boolean;
  /** Not before this moment: something was in the way. */
  readonly blockedUntil: number;
  /** Commits wait for a cut, or somebody reads a snapshot. */
  readonly engaged: boolean;
  /** Files wait for the destination. */
  readonly uploading: boolean;
  /** The page table knows every page. */
  readonly tableComplete: boolean;
  /** Size of the database. */
  readonly bytes: number;
  /** Since when the files have been watched for being left alone; `undefined` = they are not. */
  readonly settlingSince: number | undefined;
}

export type RestDecision =
  /** It cannot rest as things are. */
  | { readonly kind: "stay" }
  /** Infinity = not by the clock alone. */
  | { readonly kind: "wait"; readonly until: number }
  /** Fold the WAL in, and see whether the files are left alone from then on. */
  | { readonly kind: "settle" }
  /** They were: let go, if nothing is in the WAL that is not known. */
  | { readonly kind: "rest" };

export function decideRest(facts: RestFacts): RestDecision {
  const { now, idleSince, idleMs, folded, blockedUntil, engaged, uploading, tableComplete, bytes, settlingSince } = facts;
  if (idleMs === 0 || engaged || !tableComplete || bytes > MAX_BYTES) return { kind: "stay" };
  // Where nothing has to be folded in, the files settle while the rest of the idle time passes.
  const settleAfterMs = folded ? Math.max(0, idleMs - SETTLE_MS) : idleMs;
  const due = Math.max(blockedUntil, settlingSince === undefined ? idleSince + settleAfterMs : Math.max(idleSince + idleMs, settlingSince + SETTLE_MS));
  if (now < due) return { kind: "wait", until: due };
  if (settlingSince === undefined) return { kind: "settle" };
  return uploading ? { kind: "wait", until: Number.POSITIVE_INFINITY } : { kind: "rest" };
}

/**
 * Whether all of the WAL is in the database file, and nothing lies behind its committed end. A commit that is still being made durable lies there,
 * and becomes visible without another write to the file: only the wal-index, a mapped file without times of its own, tells of it. What a writer
 * that was killed left there may come to life as well, when the next opener rebuilds the wal-index.
 * @param walBytes the WAL's size.
 * @param next the bytes behind the committed end, as far as there are {@link WAL_FRAME_HEADER_SIZE} of them.
 */
export function isFolded({ header, frames, backfilled }: CommittedEnd, walBytes: number, next: Uint8Array): boolean {
  // Without committed frames, a header says nothing about the frames behind it: a restart is prepared, and its salts are not written yet.
  if (frames === 0) return walBytes === 0;
  if (header === undefined || frames !== backfilled || walBytes < frameEnd(frames, header.pageSize)) return false;
  if (next.byteLength === 0) return true;
  if (next.byteLength < WAL_FRAME_HEADER_SIZE) return false;
  const view = new DataView(next.buffer, next.byteOffset, next.byteLength);
  return view.getUint32(FRAME_SALT1, false) !== header.salt1 || view.getUint32(FRAME_SALT2, false) !== header.salt2;
}

/** Two looks at files that lie so far apart show every write after the second one: two and a half of the longest clock ticks, ms. */
export const APART_MS = 25;
/** Larger databases are taken up: all of one is compared. */
const GLANCE_BYTES = 4 * 1024 * 1024;
/** One that was written to not so long ago is likely to be soon again, ms: once taken up, its WAL tells what changed. */
const GLANCE_REST_MS = 1000;

export interface WakeFacts {
  /** The files in the state that is known. */
  readonly rested: FilesStamp;
  /** How long that lasted, ms. */
  readonly restedMs: number;
  /** How long the database has to be idle before it rests, ms. */
  readonly restAfterMs: number;
  /** The files when it was noticed that something had happened, and as they are now. */
  readonly noticed: FilesStamp;
  readonly current: FilesStamp;
  /** Time between these two looks, ms. */
  readonly apartMs: number;
}

export type WakeDecision =
  /** Whoever wrote has closed the database: to compare its pages is enough, and it rests on. */
  | "glance"
  /** They may just be closing it. */
  | "wait"
  | "take-up";

/**
 * What becomes of a resting database that was written to. Most of those that hardly ever are were opened, written and closed: the WAL is gone, all
 * is in the file. That state is compared after two looks between which nothing happened, so whatever is written from then on changes what a look shows.
 */
export function decideWake({ rested, restedMs, restAfterMs, noticed, current, apartMs }: WakeFacts): WakeDecision {
  const { database, wal } = current;
  if (database === undefined || wal !== undefined || database.size > GLANCE_BYTES || restedMs < Math.min(GLANCE_REST_MS, restAfterMs)) return "take-up";
  if (!isFine(current) || database.ino !== rested.database?.ino || database.dev !== rested.database.dev) return "take-up";
  return apartMs >= APART_MS && sameFiles(noticed, current) ? "glance" : "wait";
}
