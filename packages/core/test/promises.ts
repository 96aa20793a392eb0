import type { TXID } from "@ls/ltx";
import type { KeepingSettings } from "../src/compaction/agenda.js";
import { SNAPSHOT_LEVEL } from "../src/levels.js";

/** The end of a file that was written at some time. */
export interface WrittenEnd {
  readonly level: number;
  readonly txid: TXID;
  /** Time of the file, ms. */
  readonly atMs: number;
}

/**
 * What must be restorable now, from everything that was ever written, oldest first: the newest state; each snapshot within its time, and the newest;
 * above the oldest of them every end of levels 1 to 8, and the ends of level 0 within their time. Says for each why.
 */
export function promisedEnds(ends: readonly WrittenEnd[], newest: TXID, settings: KeepingSettings, nowMs: number): ReadonlyMap<TXID, string> {
  const { snapshotRetentionMs, l0RetentionMs } = settings;
  const snapshots = ends.filter((end) => end.level === SNAPSHOT_LEVEL);
  const retained = snapshots.filter((end) => end === snapshots.at(-1) || snapshotRetentionMs === 0 || end.atMs + snapshotRetentionMs > nowMs);
  const promised = new Map<TXID, string>();
  if (newest > 0n) promised.set(newest, "the newest state");
  for (const { txid } of retained) promised.set(txid, "a snapshot");
  for (const { level, txid, atMs } of ends) {
    if (level === SNAPSHOT_LEVEL || txid <= (retained[0]?.txid ?? 0n)) continue;
    if (level > 0 || l0RetentionMs === 0 || atMs + l0RetentionMs > nowMs) promised.set(txid, `an end at level ${level}`);
  }
  return promised;
}
