import { decodeLTXHeader, isLTXError, type LTXFileSummary } from "@ls/ltx";
import { StallWatch } from "../backend-kit/stall-watch.js";
import { unlessAborted } from "../backend-kit/unless-aborted.js";
import { bytesOf } from "../bytes-of.js";
import { isLSError, LSError } from "../errors.js";
import type { LTXFileInfo, LTXFileRef, ReplicaClient } from "../replica-client.js";
import { type DamagedFile, fileLabel } from "../restore/plan-error.js";
import { ShortFile } from "../restore/range-reader.js";
import type { Merging } from "./merging.js";
import { RangeFiller } from "./range-filler.js";
import type { FetchRanges } from "./range-source.js";

/** A merge that fails although each of its files is sound is tried once more: what was read may have been damaged on its way. */
const ATTEMPTS = 2;
/**
 * Both sides bound their own requests: each range that is fetched, and what the client writes. Neither is in a hurry: thousands of inputs may be
 * opened before the first byte goes out, and a slow line may carry the last parts for minutes. This is for a client that bounds nothing: merges of
 * all databases share a few lanes, and it must not hold one for ever.
 */
const IDLE_MS = 15 * 60_000;

export interface MergeOptions {
  readonly client: ReplicaClient;
  /** Level to write. */
  readonly level: number;
  /** What to merge, oldest first, as `planMerge` or `planSnapshot` chose. */
  readonly files: readonly LTXFileInfo[];
  /** Time of the result, ms. Default: the newest file's. */
  readonly timestampMs?: number | undefined;
  readonly merging: Merging;
  readonly signal: AbortSignal;
}

export type MergeOutcome =
  | { readonly status: "written"; readonly file: LTXFileInfo }
  /** Nothing was written: these cannot be used. */
  | { readonly status: "damaged"; readonly files: readonly DamagedFile[] }
  /** Nothing was written: the destination is not what its listing said. List it again. */
  | { readonly status: "changed"; readonly reason: string };

/**
 * Merges files of a destination into one that it stores: streaming, frames as they are, every input verified to its last byte before the result
 * becomes visible. Where the service can, an existing file is never overwritten.
 * @throws errors of the client that may pass, or that someone has to deal with; nothing is visible then. The signal's reason.
 */
export async function mergeFiles(options: MergeOptions): Promise<MergeOutcome> {
  for (let attempt = 1; ; attempt++) {
    const sourceErrors: unknown[] = [];
    try {
      return { status: "written", file: await writeMerged(options, { isFirst: attempt === 1, sourceErrors }) };
    } catch (error) {
      options.signal.throwIfAborted();
      // A failure of a source is not the service's, however the client words it.
      const cause = sourceErrors[0] ?? error;
      if (isLSError(cause, "LS_LTX_FILE_NOT_FOUND")) return { status: "changed", reason: "a file was deleted meanwhile" };
      if (isLSError(cause, "LS_CONFLICT")) return { status: "changed", reason: "the result is there already" };
      if (!isDamage(cause)) throw cause;
      if (cause instanceof ShortFile) return { status: "damaged", files: [damaged(cause.file, cause.message)] };
      const files = await findDamaged(options);
      if (files.length > 0) return { status: "damaged", files };
      // Sound files, and a merge that was refused before it began: none of them is to blame.
      if (isLTXError(cause, "LTX_INVALID")) throw new LSError("LS_INTERNAL", `a merge of sound files was refused: ${cause.message}`, { cause });
      if (attempt === ATTEMPTS)
        return { status: "damaged", files: options.files.map((file) => damaged(file, `does not fit with the others: ${cause.message}`)) };
    }
  }
}

async function writeMerged(
  { client, level, files, timestampMs, merging, signal }: MergeOptions,
  { isFirst, sourceErrors }: { readonly isFirst: boolean; readonly sourceErrors: unknown[] },
): Promise<LTXFileInfo> {
  const ref = refOf(level, files);
  const stall = new StallWatch(signal, { idleMs: IDLE_MS });
  const fetch = fetchFrom(client, () => stall.moved());
  let size = 0;
  async function* content(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      const localDirectory = isFirst ? await localDirectoryOf(client, stall.signal) : undefined;
      for await (const chunk of merging.merge({ files, timestampMs, withLocalCopies: isFirst, localDirectory }, fetch, stall.signal)) {
        if (size === 0) checkHeader(chunk, ref);
        size += chunk.length;
        stall.moved();
        yield chunk;
      }
    } catch (error) {
      sourceErrors.push(error);
      throw error;
    }
  }
  try {
    const sizeHint = bytesOf(files);
    const written = await client.writeLTXFile(ref, content(), { createOnly: client.capabilities.createOnly, sizeHint, signal: stall.signal });
    if (written.size === size) return written;
    throw new LSError("LS_STORAGE_UNAVAILABLE", `the destination took ${written.size} of ${size} bytes of ${fileLabel(ref)}`, { retryable: true });
  } finally {
    stall.stop();
  }
}

async function localDirectoryOf(client: ReplicaClient, signal: AbortSignal): Promise<string | undefined> {
  return client.localDirectory === undefined ? undefined : unlessAborted(client.localDirectory(), signal);
}

/** Names are what everything is planned by; a file that holds something else must not be passed on under them. */
function checkHeader(header: Uint8Array, { minTXID, maxTXID }: LTXFileRef): void {
  const found = decodeLTXHeader(header);
  if (found.minTXID === minTXID && found.maxTXID === maxTXID) return;
  throw new LSError("LS_LTX_CORRUPTED", `the files hold TXIDs ${found.minTXID} to ${found.maxTXID}, not ${minTXID} to ${maxTXID}`);
}

/** Reads every input by itself, from the destination, one after the other. */
async function findDamaged({ client, files, merging, signal }: MergeOptions): Promise<readonly DamagedFile[]> {
  const found: DamagedFile[] = [];
  let newest: LTXFileSummary | undefined;
  for (const file of files.toReversed()) {
    try {
      const summary = await merging.verify(file, fetchFrom(client), signal);
      newest ??= summary;
      const reason = whyForeign(summary, file, newest);
      if (reason !== undefined) found.push(damaged(file, reason));
    } catch (error) {
      signal.throwIfAborted();
      if (!isDamage(error)) throw error;
      found.push(damaged(file, error.message));
    }
  }
  return found.reverse();
}

function whyForeign({ header }: LTXFileSummary, file: LTXFileInfo, newest: LTXFileSummary): string | undefined {
  if (header.minTXID !== file.minTXID || header.maxTXID !== file.maxTXID) return `holds TXIDs ${header.minTXID} to ${header.maxTXID}`;
  if (header.pageSize !== newest.header.pageSize) return `has pages of ${header.pageSize} bytes, a newer file of ${newest.header.pageSize}`;
  return undefined;
}

/** @param moved is called after each range. */
function fetchFrom(client: ReplicaClient, moved?: () => void): FetchRanges {
  let filler: RangeFiller | undefined;
  return async (ranges, buffer, signal) => {
    // All ranges of a merge have one signal.
    if (filler?.signal !== signal) filler = new RangeFiller(client, signal, moved);
    await filler.fill(ranges, buffer);
    return buffer;
  };
}

function refOf(level: number, files: readonly LTXFileInfo[]): LTXFileRef {
  const first = files[0];
  const last = files.at(-1);
  if (first === undefined || last === undefined) throw new RangeError("nothing to merge");
  return { level, minTXID: first.minTXID, maxTXID: last.maxTXID };
}

function isDamage(error: unknown): error is Error {
  return isLTXError(error) || error instanceof ShortFile || isLSError(error, "LS_LTX_CORRUPTED");
}

function damaged({ level, minTXID, maxTXID }: LTXFileInfo, reason: string): DamagedFile {
  return { level, minTXID, maxTXID, reason };
}
