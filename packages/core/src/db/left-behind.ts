import { isLTXError, type TXID } from "@ls/ltx";
import { RetryBudget } from "../backend-kit/retry-budget.js";
import { Slicer } from "../concurrency/slicer.js";
import { checkSameHistory, lookAt, publish } from "../replica/publish.js";
import type { CallOptions, ReplicaClient } from "../replica-client.js";
import { continuation } from "./attach-decision.js";
import { claimDestination } from "./destination-claims.js";
import { readLTX } from "./engine/read-ltx.js";
import type { EventSink } from "./events.js";
import type { MetaDirectory } from "./meta/meta-directory.js";
import type { StagedFile } from "./protocol.js";

export interface LeftBehindContext extends CallOptions {
  /** Path of the lost database. */
  readonly path: string;
  readonly client: ReplicaClient;
  readonly meta: MetaDirectory;
  readonly events: EventSink;
}

/** What became of the level-0 files of a lost database. */
export interface LeftBehind {
  /** Files that were uploaded now. */
  readonly uploaded: number;
  /** Whether the destination is known to hold what a file holds. */
  isHeld(txid: TXID): boolean;
}

/**
 * Uploads the level-0 files of a lost database that never reached the destination and continue it: they hold commits that exist nowhere else.
 * In TXID order, as the uploader does it. A failure that may pass by itself is waited out for some seconds, any other is thrown.
 * Call it with the lock of the meta directory held.
 * @throws LSError `LS_CONFLICT` when the destination holds another history; nothing was changed then.
 */
export async function uploadLeftBehind(context: LeftBehindContext, remoteTXID: TXID): Promise<LeftBehind> {
  const { client, meta, signal } = context;
  const staged: StagedFile[] = meta.listStaged().map(({ txid, path, size, timeMs }) => ({ txid, path, size, timestampMs: timeMs, oldestCommitMs: timeMs }));
  const base = staged.findLast(({ txid }) => txid <= remoteTXID);
  let heldTXID = 0n;
  if (base !== undefined && (await isSound(base, signal))) {
    const stored = await lookAt(client, base, signal);
    // All local files are of one history.
    if (stored === "same") heldTXID = base.txid;
    if (stored === "different") {
      // Side by side like this, it is for a human to say which history is the right one.
      if (base.txid === remoteTXID) await checkSameHistory(client, base, signal);
      return { uploaded: 0, isHeld: () => false };
    }
  }
  const files = await soundOnes(continuation(staged, remoteTXID), context);
  if (files.length > 0) await upload(files, context);
  const uploaded = new Set(files.map(({ txid }) => txid));
  return { uploaded: files.length, isHeld: (txid) => txid <= heldTXID || uploaded.has(txid) };
}

/**
 * Forgets the lost database: what the destination holds is deleted, and every other file moved out of the way, with a warning. Whoever comes
 * afterwards finds no position.
 */
export function forgetLeftBehind({ path, meta, events }: LeftBehindContext, { isHeld }: LeftBehind): void {
  // Order matters: without its files the table would be taken for the position.
  meta.removePageTable();
  const staged = meta.listStaged().map(({ txid }) => txid);
  for (const txid of staged) if (isHeld(txid)) meta.removeStaged(txid);
  const others = staged.filter((txid) => !isHeld(txid));
  if (others.length === 0) return;
  const directory = meta.setAside(others);
  const message = `the lost ${path} left ${others.length} files from TXID ${others[0]} on that do not continue the destination and may not be there; they were moved to ${directory}`;
  events.emit({ type: "warning", code: "LS_NOT_DURABLE", message });
}

async function upload(files: readonly StagedFile[], { path, client, meta, events, signal }: LeftBehindContext): Promise<void> {
  const release = claimDestination(client, path);
  try {
    await client.init({ owner: meta.owner, signal });
    for (const file of files) {
      const budget = new RetryBudget(signal);
      for (let doubtful = false; ; doubtful = true) {
        try {
          await publish(client, file, { doubtful, signal });
          break;
        } catch (error) {
          await budget.afterFailure(error);
        }
      }
      events.emit({ type: "uploaded", txid: file.txid, sizeBytes: file.size, lagMs: Math.max(0, Date.now() - file.oldestCommitMs) });
    }
  } finally {
    release();
  }
}

/** The files before the first damaged one. */
async function soundOnes(files: readonly StagedFile[], { events, signal }: LeftBehindContext): Promise<readonly StagedFile[]> {
  for (const [i, file] of files.entries()) {
    if (await isSound(file, signal)) continue;
    events.emit({ type: "warning", code: "LS_LTX_CORRUPTED", message: `${file.path} is damaged: nothing from TXID ${file.txid} on can be uploaded` });
    return files.slice(0, i);
  }
  return files;
}

async function isSound({ path, txid }: StagedFile, signal: AbortSignal | undefined): Promise<boolean> {
  try {
    const { header } = await readLTX(path, () => {}, new Slicer(signal));
    return header.minTXID === txid && header.maxTXID === txid;
  } catch (error) {
    if (isLTXError(error)) return false;
    throw error;
  }
}
