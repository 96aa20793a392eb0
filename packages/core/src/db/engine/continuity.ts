import type { TXID } from "@ls/ltx";

/** What the local side and the destination hold when capture is about to start. */
export interface ContinuityFacts {
  /** Local position; 0n = none. */
  readonly localTXID: TXID;
  /** First TXID of the unbroken run of local L0 files that ends at `localTXID`; `undefined` = that file does not exist. */
  readonly localFilesFrom: TXID | undefined;
  /** Highest TXID of the destination; 0n = empty. */
  readonly remoteTXID: TXID;
}

/** What has to happen; where the WAL and the page table come in is decided while doing it. */
export type ContinuityPlan =
  /** The local position stands: prove it by the WAL, else compare with the page table of that position. */
  | { readonly kind: "continue"; readonly txid: TXID }
  /** Both sides are empty, or the destination is and the local files do not reach back to TXID 1: a full image as TXID 1. */
  | { readonly kind: "first-image"; readonly reason: string }
  /** The destination's newest state is the base; the next TXID is `after` + 1. */
  | { readonly kind: "rebase"; readonly after: TXID; readonly reason: string };

export function planContinuity({ localTXID, localFilesFrom, remoteTXID }: ContinuityFacts): ContinuityPlan {
  if (localTXID === 0n) {
    if (remoteTXID === 0n) return { kind: "first-image", reason: "first replication of this database" };
    return { kind: "rebase", after: remoteTXID, reason: "no local position beside a destination that is not empty" };
  }
  if (remoteTXID === localTXID) return { kind: "continue", txid: localTXID };
  if (remoteTXID > localTXID) {
    return { kind: "rebase", after: remoteTXID, reason: "the destination is ahead of the local position" };
  }
  if (localFilesFrom !== undefined && localFilesFrom <= remoteTXID + 1n) return { kind: "continue", txid: localTXID };
  if (remoteTXID === 0n) return { kind: "first-image", reason: "the destination is empty and earlier local files are gone" };
  return { kind: "rebase", after: remoteTXID, reason: "files that the destination lacks are gone locally" };
}
