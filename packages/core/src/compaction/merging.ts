import { type LTXFileSummary, mergeLTX, verifyLTX } from "@ls/ltx";
import { bytesOf } from "../bytes-of.js";
import type { LTXFileInfo } from "../replica-client.js";
import { rangeBytesFor } from "./merge-budget.js";
import { MergeSources } from "./merge-source.js";
import { type FetchRange, RangeSource, type ReadLocal, SPARE_BYTES } from "./range-source.js";

/** Reads of one merge under way at a time, */
const READS = 8;
/** and of its small files, each of which may take a thread to read it, or a connection: busy ones need not be woken. */
const SMALL_READS = 16;

/** What to merge, oldest first. */
export interface MergeJob {
  readonly files: readonly LTXFileInfo[];
  /** Time of the result, ms. Default: the newest file's. */
  readonly timestampMs?: number | undefined;
  /** Local copies are preferred: they cost nothing, and a service may not show yet what was written just now. */
  readonly withLocalCopies: boolean;
}

/** The part of keeping that computes: on the application's thread or on another one. Bytes of the destination come through the caller's `fetch`. */
export interface Merging {
  /** The merged file; a chunk is valid until the next one is asked for. What `fetch` fails with comes out as it is. Ending the iteration early ends the merge. */
  merge(job: MergeJob, fetch: FetchRange, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Reads one file of the destination to its end. @throws as `verifyLTX`, and what `fetch` fails with. */
  verify(file: LTXFileInfo, fetch: FetchRange, signal: AbortSignal): Promise<LTXFileSummary>;
}

/** Computes on the calling thread. */
export class DirectMerging implements Merging {
  readonly #readLocal: ReadLocal | undefined;

  constructor(readLocal?: ReadLocal) {
    this.#readLocal = readLocal;
  }

  async *merge({ files, timestampMs, withLocalCopies }: MergeJob, fetch: FetchRange, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const sources = this.#sources(files, withLocalCopies, fetch, signal);
    try {
      yield* mergeLTX(await sources.open(files), { timestampMs, signal, reuseChunks: true });
    } finally {
      sources.end();
    }
  }

  async verify(file: LTXFileInfo, fetch: FetchRange, signal: AbortSignal): Promise<LTXFileSummary> {
    const sources = this.#sources([file], false, fetch, signal);
    try {
      return await verifyLTX(new RangeSource(sources, file));
    } finally {
      sources.end();
    }
  }

  #sources(files: readonly LTXFileInfo[], withLocalCopies: boolean, fetch: FetchRange, signal: AbortSignal): MergeSources {
    const readLocal = withLocalCopies ? this.#readLocal : undefined;
    const totalBytes = bytesOf(files) + files.length * SPARE_BYTES;
    return new MergeSources({ totalBytes, fetch, readLocal, rangeBytes: rangeBytesFor(files), reads: READS, smallReads: SMALL_READS, signal });
  }
}
