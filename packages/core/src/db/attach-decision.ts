import type { TXID } from "@ls/ltx";
import type { ReplicaListing } from "../restore/list-all.js";
import { fileKey, planRestore } from "../restore/plan.js";
import type { StagedFile } from "./protocol.js";

/** Whether the destination holds more than the local side knows of. Without a local position it is adopted instead. */
export function isDestinationAhead(localTXID: TXID, remoteTXID: TXID): boolean {
  return localTXID > 0n && remoteTXID > localTXID;
}

/**
 * The staged files that continue the destination: from its position + 1 on, without a hole. Others are of a history that the
 * destination cannot take any more.
 * @param staged in TXID order.
 */
export function continuation(staged: readonly StagedFile[], remoteTXID: TXID): readonly StagedFile[] {
  const files: StagedFile[] = [];
  for (const file of staged) {
    if (file.txid <= remoteTXID) continue;
    if (file.txid !== remoteTXID + BigInt(files.length) + 1n) break;
    files.push(file);
  }
  return files;
}

export type BaseChoice =
  /** Read the destination's newest state and send what differs. */
  | { readonly kind: "diff" }
  /** Send the whole database. */
  | { readonly kind: "image"; readonly reason: string };

/** Reading this much is never worth an image. */
const CHEAP_READ_BYTES = 16 * 1024 * 1024;
/** An image is sent, stored for as long as its neighbours, and compacted again and again: reading may cost this many times the database. */
const READ_FACTOR = 2;

/**
 * How to continue a destination whose state the local side cannot prove to be its own. Reading the state costs the bytes of its restore
 * plan, once, and nothing of the history; an image costs about the database's size, and that much more at the destination.
 * @param databaseBytes size of the local database.
 */
export function chooseBase(remoteTXID: TXID, { files, damaged }: ReplicaListing, databaseBytes: number): BaseChoice {
  if (remoteTXID === 0n) return { kind: "image", reason: "the destination is empty" };
  const result = planRestore(files, { kind: "txid", txid: remoteTXID }, new Set(damaged.map(fileKey)));
  if (!("plan" in result)) return { kind: "image", reason: "the destination's newest state cannot be read" };
  if (result.plan.bytes > Math.max(CHEAP_READ_BYTES, READ_FACTOR * databaseBytes)) {
    return { kind: "image", reason: `reading the destination's newest state costs ${result.plan.bytes} bytes, the database has ${databaseBytes}` };
  }
  return { kind: "diff" };
}
