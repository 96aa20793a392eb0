import { type LTXFileSummary, mergeLTX, verifyLTX } from "@ls/ltx";
import type { LTXFileInfo } from "../replica-client.js";
import { Limit } from "./limit.js";
import { rangeBytesFor } from "./merge-budget.js";
import { type FetchRange, type ReadLocal, readSource, type SourceContext, SourceSignals } from "./merge-source.js";

/** Reads of one merge under way at a time. */
const READS = 8;

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
  /** The merged file; every chunk is the caller's own. What `fetch` fails with comes out as it is. Ending the iteration early ends the merge. */
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
    const context = sourceContext(files, withLocalCopies ? this.#readLocal : undefined, fetch, signal);
    try {
      yield* mergeLTX(
        files.map((file) => readSource(context, file)),
        { timestampMs, signal },
      );
    } finally {
      context.signals.dispose();
    }
  }

  async verify(file: LTXFileInfo, fetch: FetchRange, signal: AbortSignal): Promise<LTXFileSummary> {
    const context = sourceContext([file], undefined, fetch, signal);
    try {
      return await verifyLTX(readSource(context, file));
    } finally {
      context.signals.dispose();
    }
  }
}

function sourceContext(files: readonly LTXFileInfo[], readLocal: ReadLocal | undefined, fetch: FetchRange, signal: AbortSignal): SourceContext {
  return { fetch, readLocal, reads: new Limit(READS), rangeBytes: rangeBytesFor(files), signals: new SourceSignals(signal) };
}
