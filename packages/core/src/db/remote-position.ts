import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, type TXID } from "@ls/ltx";
import type { CallOptions, LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { listReplica, type ReplicaListing } from "../restore/list-all.js";

/** Where a destination stands. */
export interface RemotePosition extends ReplicaListing {
  /** Highest TXID over all levels; 0n = empty. A file that is too short to be read counts: its name is taken. */
  readonly txid: TXID;
}

/**
 * Lists every level once. Any failure is thrown: only an answer makes a destination empty.
 * @param options.patient wait failures out that may pass by themselves, for some seconds.
 */
export async function remotePosition(client: ReplicaClient, options: CallOptions & { readonly patient: boolean }): Promise<RemotePosition> {
  const listing = await listReplica(client, { accurateTimestamps: false, inOrder: false, patient: options.patient, signal: options.signal });
  let txid = 0n;
  for (const { maxTXID } of listing.files) if (maxTXID > txid) txid = maxTXID;
  return { ...listing, txid };
}

/**
 * The time of the destination's newest TXID, in ms: the smallest among the headers of the files that end there; 0 when it is empty.
 * Read from the files themselves, since listings may carry the time of a copy.
 */
export async function remoteTimestampMs(client: ReplicaClient, { txid, files }: RemotePosition, { signal }: CallOptions): Promise<number> {
  let smallest: number | undefined;
  for (const file of files) {
    if (file.maxTXID !== txid) continue;
    const timeMs = (await headerTimeMs(client, file, signal)) ?? file.createdAt.getTime();
    if (smallest === undefined || timeMs < smallest) smallest = timeMs;
  }
  return smallest ?? 0;
}

/** `undefined` for a damaged file: the listing has to do. */
async function headerTimeMs(client: ReplicaClient, file: LTXFileInfo, signal: AbortSignal | undefined): Promise<number | undefined> {
  const header = new Uint8Array(LTX_HEADER_SIZE);
  let length = 0;
  for await (const chunk of client.openLTXFile(file, { offset: 0, size: LTX_HEADER_SIZE, signal })) {
    const fitting = chunk.subarray(0, LTX_HEADER_SIZE - length);
    header.set(fitting, length);
    length += fitting.length;
    if (length === LTX_HEADER_SIZE) break;
  }
  try {
    return decodeLTXHeader(header.subarray(0, length)).timestampMs;
  } catch (error) {
    if (isLTXError(error)) return undefined;
    throw error;
  }
}
