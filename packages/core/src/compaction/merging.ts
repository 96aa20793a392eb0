import { type LTXFileSummary, mergeLTX, verifyLTX } from "@ls/ltx";
import { bytesOf } from "../bytes-of.js";
import type { LTXFileInfo } from "../replica-client.js";
import { readDestinationIn } from "./local-files.js";
import { rangeBytesFor } from "./merge-budget.js";
import { MergeSources } from "./merge-source.js";
import { type FetchRanges, RangeSource, type ReadLocal, SPARE_BYTES } from "./range-source.js";

/** Calls for bytes of the destination that one merge has under way at a time: each is for a part of a large file, or for many small files. */
const READS = 8;

/** What to merge, oldest first. */
export interface MergeJob {
  readonly files: readonly LTXFileInfo[];
  /** Time of the result, ms. Default: the newest file's. */
  readonly timestampMs?: number | undefined;
  /** Local copies are preferred: they cost nothing, and a service may not show yet what was written just now. */
  readonly withLocalCopies: boolean;
  /** Where the destination's files can be read without its client, as `ReplicaClient.localDirectory()` tells. Default: nowhere. */
  readonly localDirectory?: string | undefined;
}

/** The part of keeping that computes: on the application's thread or on another one. Bytes of the destination come through the caller's `fetch`. */
export interface Merging {
  /** The merged file; a chunk is valid until the next one is asked for. What `fetch` fails with comes out as it is. Ending the iteration early ends the merge. */
  merge(job: MergeJob, fetch: FetchRanges, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Reads one file of the destination to its end. @throws as `verifyLTX`, and what `fetch` fails with. */
  verify(file: LTXFileInfo, fetch: FetchRanges, signal: AbortSignal): Promise<LTXFileSummary>;
}

/** Computes on the calling thread. */
export class DirectMerging implements Merging {
  readonly #readLocal: ReadLocal | undefined;

  constructor(readLocal?: ReadLocal) {
    this.#readLocal = readLocal;
  }

  async *merge(
    { files, timestampMs, withLocalCopies, localDirectory }: MergeJob,
    fetch: FetchRanges,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const readCopy = withLocalCopies ? this.#readLocal : undefined;
    const readThere = localDirectory === undefined ? undefined : readDestinationIn(localDirectory);
    const sources = sourcesOf(files, readEither(readCopy, readThere), fetch, signal);
    try {
      yield* mergeLTX(await sources.open(files), { timestampMs, signal, reuseChunks: true });
    } finally {
      sources.end();
      sources.release();
    }
  }

  async verify(file: LTXFileInfo, fetch: FetchRanges, signal: AbortSignal): Promise<LTXFileSummary> {
    const sources = sourcesOf([file], undefined, fetch, signal);
    try {
      return await verifyLTX(new RangeSource(sources, file));
    } finally {
      sources.end();
    }
  }
}

function sourcesOf(files: readonly LTXFileInfo[], readLocal: ReadLocal | undefined, fetch: FetchRanges, signal: AbortSignal): MergeSources {
  const totalBytes = bytesOf(files) + files.length * SPARE_BYTES;
  return new MergeSources({ totalBytes, fetch, readLocal, rangeBytes: rangeBytesFor(files), reads: READS, signal });
}

function readEither(first: ReadLocal | undefined, second: ReadLocal | undefined): ReadLocal | undefined {
  if (first === undefined || second === undefined) return first ?? second;
  return (range, buffer) => first(range, buffer) || second(range, buffer);
}
