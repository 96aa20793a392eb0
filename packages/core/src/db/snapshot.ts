import type { TXID } from "@ls/ltx";
import { isLSError } from "../errors.js";
import { SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef, ReplicaClient } from "../replica-client.js";
import type { EngineHost } from "./protocol.js";

/** A snapshot that is durable at the destination. */
export interface SnapshotResult {
  /** The state it holds: everything up to this TXID, and nothing newer. */
  readonly txid: TXID;
  readonly file: LTXFileInfo;
}

export interface SnapshotParts {
  readonly host: EngineHost;
  readonly client: ReplicaClient;
  /** Resolves when the destination holds every level-0 file up to `txid`: a snapshot above the others would leave a hole in them. */
  readonly uploadedUpTo: (txid: TXID) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Stores the whole database as one file. One at a time per engine. */
export async function storeSnapshot({ host, client, uploadedUpTo, signal }: SnapshotParts): Promise<SnapshotResult> {
  try {
    const { txid } = await host.request("snapshotOpen", undefined, { signal });
    await uploadedUpTo(txid);
    const ref: LTXFileRef = { level: SNAPSHOT_LEVEL, minTXID: 1n, maxTXID: txid };
    const { createOnly } = client.capabilities;
    // Two snapshots of one TXID differ in their time only, so the one that is there will do.
    const existing = createOnly ? undefined : await find(client, ref, signal);
    return { txid, file: existing ?? (await write(ref)) };
  } finally {
    // Refused only by an engine that is closed, and holds nothing then.
    await host.request("snapshotClose", undefined).catch(() => {});
  }

  async function write(ref: LTXFileRef): Promise<LTXFileInfo> {
    try {
      return await client.writeLTXFile(ref, readSnapshot(host, signal), { createOnly: client.capabilities.createOnly, signal });
    } catch (error) {
      const existing = isLSError(error, "LS_CONFLICT") ? await find(client, ref, signal) : undefined;
      if (existing === undefined) throw error;
      return existing;
    }
  }
}

async function* readSnapshot(host: EngineHost, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const { chunk } = await host.request("snapshotRead", undefined, { signal });
    if (chunk === undefined) return;
    yield chunk;
  }
}

async function find(client: ReplicaClient, { level, maxTXID }: LTXFileRef, signal: AbortSignal): Promise<LTXFileInfo | undefined> {
  for await (const file of client.ltxFiles(level, { signal })) if (file.maxTXID === maxTXID) return file;
  return undefined;
}
