import { statSync } from "node:fs";
import type { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import { walPathOf } from "../../sqlite/borrowed-files.js";
import { WAL_HEADER_SIZE } from "../../wal/header.js";
import type { AttachRequest, ContinuedBy, PageHashes } from "../protocol.js";
import { Attached, type AttachedContext } from "./attached.js";
import { planContinuity } from "./continuity.js";
import type { StateOutcome } from "./stage-state.js";
import { hashesOf, proveByWAL } from "./wal-proof.js";

export interface Established {
  readonly attached: Attached;
  readonly by: ContinuedBy;
  readonly reason: string;
  /** What a comparison or an image found; the WAL's proof looks at no page. */
  readonly outcome?: StateOutcome;
}

/**
 * Starts capture so that nothing is missed between the local position (or the destination's) and the first frame taken.
 * @returns `undefined` with the reason when the hashes of the destination's newest state have to come first.
 */
export async function establish(context: AttachedContext, request: AttachRequest, slicer: Slicer): Promise<Established | { readonly baseRequired: string }> {
  const { local } = context;
  const { remoteTXID, remoteTimestampMs, base } = request;
  local.staged.acknowledge(remoteTXID);
  local.noteTime(remoteTimestampMs);
  const plan = planContinuity({
    localTXID: local.txid,
    localFilesFrom: local.staged.newest?.txid === local.txid ? local.staged.runStart : undefined,
    remoteTXID,
  });
  const after = { txid: remoteTXID, timestampMs: remoteTimestampMs };
  switch (plan.kind) {
    case "first-image":
      return byState(context, await local.rebase({ txid: 0n, timestampMs: 0 }, undefined, undefined, slicer), plan.reason, slicer);
    case "rebase":
      if (base === undefined) return { baseRequired: plan.reason };
      return byState(context, await local.rebase(after, hashesFor(base, remoteTXID), undefined, slicer), plan.reason, slicer);
    case "continue": {
      await local.rollForward(slicer);
      const proven = await byWAL(context, slicer);
      if ("attached" in proven) return proven;
      if (local.table?.unknownPages() === 0) return byState(context, "diff", proven.refused, slicer, proven.opened);
      proven.opened?.close();
      if (base === undefined) return { baseRequired: proven.refused };
      if (base === null) return byState(context, "image", proven.refused, slicer);
      return byState(context, await local.rebase(after, hashesFor(base, remoteTXID), local.txid, slicer), proven.refused, slicer);
    }
  }
}

/** Compares the database with the table of the local position, or takes all of it. */
export async function byState(
  context: AttachedContext,
  how: "diff" | "image",
  reason: string,
  slicer: Slicer,
  attached: Attached = new Attached(context),
): Promise<Established> {
  try {
    checkPageSize(context, attached);
    const outcome = await attached.resync(how, slicer);
    // A position without a level-0 file of its own is known by the table only.
    context.local.keepTable(attached.identity, attached.cutPosition);
    return { attached, by: how, reason, outcome };
  } catch (error) {
    attached.close();
    throw error;
  }
}

interface Refused {
  readonly refused: string;
  /** The connections that were opened for the proof; the caller's from here on. */
  readonly opened?: Attached;
}

/** Goes on behind the recorded place if the WAL proves that nothing was missed. */
async function byWAL(context: AttachedContext, slicer: Slicer): Promise<Established | Refused> {
  const { local } = context;
  const size = statSync(walPathOf(context.settings.path), { throwIfNoEntry: false })?.size ?? 0;
  // Before any connection is opened for it.
  if (size < WAL_HEADER_SIZE) return { refused: "there is no WAL" };
  // The mark comes first: what is read under it cannot be overwritten.
  const attached = new Attached(context);
  try {
    checkPageSize(context, attached);
    const place = local.recordedPlace(attached.identity);
    const { table } = local;
    if (place === undefined || table === undefined) return { refused: "no place in the WAL was recorded for this database file", opened: attached };
    const end = attached.readEnd();
    const proof = await proveByWAL(attached.readAt, end, place, hashesOf(table), slicer);
    if ("refused" in proof) return { refused: proof.refused, opened: attached };
    attached.captureFrom(proof.position);
    if (end.frames === end.backfilled) {
      // Danger: no mark protects frames that are all in the database file. The next writer restarts the WAL over them, and what follows
      // would look like the next generation of the captured one.
      await attached.grab(end, slicer);
      if (attached.mustCut) return { refused: "the WAL may restart over more than one capture holds", opened: attached };
    }
    return { attached, by: "wal", reason: "the WAL proves that nothing was missed" };
  } catch (error) {
    attached.close();
    throw error;
  }
}

function hashesFor(base: PageHashes | null, txid: bigint): PageHashes | undefined {
  if (base !== null && base.txid !== txid) throw new LSError("LS_INTERNAL", "the base is not the destination's newest state");
  return base ?? undefined;
}

/** No file can change the page size of a replica: restoring merges pages of one size. */
function checkPageSize({ local, settings }: AttachedContext, { pageSize }: Attached): void {
  const before = local.txid === 0n ? undefined : local.pageSize;
  if (before === undefined || before === pageSize) return;
  throw new LSError(
    "LS_NOT_READY",
    `the page size of ${settings.path} changed from ${before} to ${pageSize}, which a replica cannot follow; replicate it to another URL`,
    {
      details: { path: settings.path, reason: "unsupported" },
    },
  );
}
