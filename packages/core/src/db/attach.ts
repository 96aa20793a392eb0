import { statSync } from "node:fs";
import { formatTXID, type TXID } from "@ls/ltx";
import { isLSError, LSError } from "../errors.js";
import { L0_LEVEL } from "../levels.js";
import { checkSameHistory } from "../replica/publish.js";
import type { FileOwner, ReplicaClient } from "../replica-client.js";
import { restoreTo } from "../restore/restore-to.js";
import { chooseBase, continuation, isDestinationAhead } from "./attach-decision.js";
import { HashingSink } from "./hashing-sink.js";
import type { AttachOutcome, EngineHost, NotReadyReason, PageHashes, StagedFile } from "./protocol.js";
import { type RemotePosition, remotePosition, remoteTimestampMs } from "./remote-position.js";

/**
 * Brings the local state and the destination together, in this order; every step can be repeated, so a process may die between any two:
 *
 * 1. A damaged newest staged file is fetched back from the destination, and given up only when it is not there.
 * 2. The destination's position: the highest TXID over all levels. A file of that TXID that lies here too must be the same one: after a
 *    conflict, positions alone would take the other history for ours.
 * 3. The engine proves from the WAL or the page table that nothing is missing since its position. If it cannot, it gets the hashes of the
 *    destination's newest state to compare with (after everything staged is uploaded, so that this state is the local position's), or
 *    cuts an image where that is cheaper.
 * 4. The caller uploads what is staged; capture runs already.
 */
export interface AttachContext {
  /** Path of the database. */
  readonly path: string;
  readonly host: EngineHost;
  readonly client: ReplicaClient;
  readonly onDestinationAhead: "error" | "continue";
  readonly signal: AbortSignal;
  /** Uploads those of the staged files that continue the destination, before capture starts; resolves when all of them are durable there. */
  upload(remoteTXID: TXID, staged: readonly StagedFile[]): Promise<void>;
  /** What the destination holds. Local files are of its history from here on. */
  listed(remote: RemotePosition): void;
  /** The destination is ahead, and the options say to go on above it. */
  continuingAbove(localTXID: TXID, remoteTXID: TXID): void;
}

export type AttachResult =
  | { readonly kind: "not-ready"; readonly reason: NotReadyReason }
  | {
      readonly kind: "attached";
      readonly outcome: Extract<AttachOutcome, { kind: "attached" }>;
      /** Local position before; 0n = none. */
      readonly localTXID: TXID;
      readonly remoteTXID: TXID;
      /** Staged files from before, in TXID order; those that attaching cut came as events. */
      readonly staged: readonly StagedFile[];
    };

/**
 * @throws LSError `LS_DESTINATION_AHEAD`; errors of client and engine, after which the whole may be tried again.
 */
export async function attach(context: AttachContext): Promise<AttachResult> {
  const { host, client, signal } = context;
  const staged = await soundStaged(host, client, signal);
  const local = await host.request("probe", undefined, { signal });
  // Without a database there is still what was staged when there was one.
  if (local.notReady !== undefined && staged.length === 0) return { kind: "not-ready", reason: local.notReady };

  let remote = await remotePosition(client, { patient: false, signal });
  if (isDestinationAhead(local.txid, remote.txid)) {
    if (context.onDestinationAhead === "error") throw destinationAhead(local.txid, remote.txid);
    context.continuingAbove(local.txid, remote.txid);
  }
  const shared = staged.find((file) => file.txid === remote.txid);
  if (shared !== undefined) await checkSameHistory(client, shared, signal);
  if (local.notReady !== undefined) {
    await context.upload(remote.txid, staged);
    return { kind: "not-ready", reason: local.notReady };
  }
  await client.init({ owner: ownerOf(context.path), signal });
  let timestampMs = remote.txid === local.txid ? 0 : await remoteTimestampMs(client, remote, { signal });
  let outcome = await host.request("attach", { remoteTXID: remote.txid, remoteTimestampMs: timestampMs }, { signal });
  if (outcome.kind === "base-required") {
    if (continuation(staged, remote.txid).length > 0) {
      await context.upload(remote.txid, staged);
      remote = await remotePosition(client, { patient: false, signal });
    }
    timestampMs = await remoteTimestampMs(client, remote, { signal });
    const base = await readBase(context, remote);
    outcome = await host.request("attach", { remoteTXID: remote.txid, remoteTimestampMs: timestampMs, base }, { signal });
  }
  switch (outcome.kind) {
    case "attached":
      // Order matters: who hears of the files takes local ones of their names for copies, and only now there are none of another history.
      context.listed(remote);
      return { kind: "attached", outcome, localTXID: local.txid, remoteTXID: remote.txid, staged };
    case "not-ready":
      return { kind: "not-ready", reason: outcome.reason };
    case "base-required":
      throw new LSError("LS_INTERNAL", `the engine of ${context.path} has a base and asks for another: ${outcome.reason}`);
  }
}

/** Mode and owner of the database, for what a client of a file system creates. */
function ownerOf(path: string): FileOwner | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? undefined : { mode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid };
}

/** Has the newest staged file repaired, or given up, until one is sound; returns what waits for the destination. */
async function soundStaged(host: EngineHost, client: ReplicaClient, signal: AbortSignal): Promise<readonly StagedFile[]> {
  for (;;) {
    const { position, staged } = await host.request("open", undefined, { signal });
    if (position.damagedTXID === undefined) return staged;
    await repairStaged(host, client, position.damagedTXID, signal);
  }
}

/** The hashes of the destination's newest state, or `null` when an image is the better choice. */
async function readBase({ client, path, signal }: AttachContext, remote: RemotePosition): Promise<PageHashes | null> {
  const databaseBytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (chooseBase(remote.txid, remote, databaseBytes).kind === "image") return null;
  const sink = new HashingSink();
  try {
    await restoreTo(client, sink, { txid: remote.txid, signal });
  } catch (error) {
    // That state is damaged or incomplete at the destination: comparing with it is impossible, and an image needs nothing of it.
    const unreadable = ["LS_LTX_CORRUPTED", "LS_LTX_MISSING", "LS_TX_NOT_AVAILABLE", "LS_NO_SNAPSHOTS"] as const;
    if (unreadable.some((code) => isLSError(error, code))) return null;
    throw error;
  }
  return sink.hashes();
}

/** Fetches the newest staged file back; it is given up only when the destination answers that it does not have a good one. */
async function repairStaged(host: EngineHost, client: ReplicaClient, txid: TXID, signal: AbortSignal): Promise<void> {
  let begun = false;
  const finish = async (): Promise<boolean> => {
    const { accepted } = await host.request("putStaged", { txid, chunk: new Uint8Array(0), final: true }, { signal });
    return accepted;
  };
  try {
    for await (const chunk of client.openLTXFile({ level: L0_LEVEL, minTXID: txid, maxTXID: txid }, { signal })) {
      begun = true;
      await host.request("putStaged", { txid, chunk, final: false }, { signal });
    }
    if (await finish()) return;
  } catch (error) {
    // The engine starts anew only after an end; the half that came is found out by its checksum.
    if (begun && !signal.aborted) await finish();
    if (!isLSError(error, "LS_LTX_FILE_NOT_FOUND")) throw error;
  }
  await host.request("dropDamaged", { txid }, { signal });
}

function destinationAhead(localTXID: TXID, remoteTXID: TXID): LSError {
  return new LSError(
    "LS_DESTINATION_AHEAD",
    `the destination is at TXID ${formatTXID(remoteTXID)}, the local database at ${formatTXID(localTXID)}: an older copy was put in place, or something else replicates there. Restore the newest state, choose another destination, or set onDestinationAhead: "continue"`,
    { details: { localTXID, remoteTXID } },
  );
}
