import { formatLTXFilename, LTX_TRAILER_SIZE, type TXID } from "@ls/ltx";
import type { StagedFile } from "../db/protocol.js";
import { isLSError, LSError } from "../errors.js";
import { L0_LEVEL } from "../levels.js";
import type { LTXFileRef, ReplicaClient } from "../replica-client.js";
import { readStagedFile, readStagedTrailer } from "./staged-source.js";

export interface PublishOptions {
  /** An earlier attempt failed after the service may have stored the file: look before sending it again. */
  readonly doubtful: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What lies at the destination under a file's name. */
export type Stored = "absent" | "same" | "different";

/**
 * Stores one staged file at the destination; resolves when it is durable there. A file of that name that is there already is compared
 * with ours (size and trailer, which holds the checksum): equal is an earlier attempt of ours whose answer was lost.
 * @throws LSError `LS_CONFLICT` when another history is there; nothing was changed then. `LS_LTX_MISSING` when the staged file is gone.
 */
export async function publish(client: ReplicaClient, file: StagedFile, { doubtful, signal }: PublishOptions): Promise<void> {
  const ref = refOf(file);
  if (!client.capabilities.createOnly) {
    // The service would overwrite: the listing has to do what it cannot.
    if (await listedAlready(client, ref, signal)) return settle(file, await lookAt(client, file, signal));
  } else if (doubtful) {
    const stored = await lookAt(client, file, signal);
    if (stored !== "absent") return settle(file, stored);
  }
  const failures: unknown[] = [];
  try {
    const source = readNoting(failures, file, signal);
    await client.writeLTXFile(ref, source, { createOnly: client.capabilities.createOnly, sizeHint: file.size, signal });
  } catch (error) {
    // A local failure is not the service's, however the client words it.
    if (failures.length > 0) throw failures[0];
    if (!isLSError(error, "LS_CONFLICT")) throw error;
    settle(file, await lookAt(client, file, signal), error);
  }
}

/** The bytes of a staged file; an error of reading it is kept as well. A function of its own: one made for each upload costs more than what it does. */
async function* readNoting(failures: unknown[], { path, size }: StagedFile, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* readStagedFile(path, size, signal);
  } catch (error) {
    failures.push(error);
    throw error;
  }
}

/**
 * Whether a file that both sides have is one history's: two that went apart count the same TXIDs.
 * @throws LSError `LS_CONFLICT` when the destination's is another one. A destination that does not have it any more says nothing.
 */
export async function checkSameHistory(client: ReplicaClient, file: StagedFile, signal: AbortSignal | undefined): Promise<void> {
  let stored: Stored;
  try {
    stored = await lookAt(client, file, signal);
  } catch (error) {
    // Ours is gone meanwhile: there is nothing to compare.
    if (isLSError(error, "LS_LTX_MISSING")) return;
    throw error;
  }
  if (stored === "different") throw conflict(formatLTXFilename(file.txid, file.txid), file.txid);
}

function settle(file: StagedFile, stored: Stored, cause?: unknown): void {
  if (stored === "same") return;
  const name = formatLTXFilename(file.txid, file.txid);
  if (stored === "absent") {
    throw new LSError("LS_STORAGE_UNAVAILABLE", `the destination refused ${name} as existing, and does not have it`, { cause, retryable: true });
  }
  throw conflict(name, file.txid, cause);
}

function conflict(name: string, txid: TXID, cause?: unknown): LSError {
  return new LSError(
    "LS_CONFLICT",
    `the destination holds another ${name}: something else replicates to it, or did. Replication stopped; nothing was overwritten. Use another destination, or remove the other writer`,
    { cause, details: { txid } },
  );
}

/** Whether the destination lists this file. A newer file of somebody else counts as a conflict: ours would come to lie below it. */
async function listedAlready(client: ReplicaClient, ref: LTXFileRef, signal: AbortSignal | undefined): Promise<boolean> {
  for await (const found of client.ltxFiles(ref.level, { seek: ref.minTXID, signal })) {
    if (found.minTXID === ref.minTXID && found.maxTXID === ref.maxTXID) return true;
    throw conflict(formatLTXFilename(found.minTXID, found.maxTXID), ref.minTXID);
  }
  return false;
}

function refOf({ txid }: StagedFile): LTXFileRef {
  return { level: L0_LEVEL, minTXID: txid, maxTXID: txid };
}

/**
 * Compares a staged file with the destination's of that name, by size and trailer.
 * @throws LSError `LS_LTX_MISSING` when the staged file is gone.
 */
export async function lookAt(client: ReplicaClient, file: StagedFile, signal: AbortSignal | undefined): Promise<Stored> {
  const ours = await readStagedTrailer(file.path, file.size);
  // One byte more than the trailer: a stored file of another size gives more or fewer bytes, so size and trailer are one request.
  const theirs = new Uint8Array(LTX_TRAILER_SIZE + 1);
  let length = 0;
  try {
    for await (const chunk of client.openLTXFile(refOf(file), { offset: file.size - LTX_TRAILER_SIZE, size: theirs.length, signal })) {
      const fitting = chunk.subarray(0, theirs.length - length);
      theirs.set(fitting, length);
      length += fitting.length;
      if (length === theirs.length) break;
    }
  } catch (error) {
    if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) return "absent";
    throw error;
  }
  if (length !== LTX_TRAILER_SIZE) return "different";
  return ours.every((byte, i) => byte === theirs[i]) ? "same" : "different";
}
