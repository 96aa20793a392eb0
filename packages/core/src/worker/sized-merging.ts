import type { LTXFileSummary } from "@ls/ltx";
import { bytesOf } from "../bytes-of.js";
import type { MergeJob, Merging } from "../compaction/merging.js";
import type { FetchRanges } from "../compaction/range-source.js";
import type { LTXFileInfo } from "../replica-client.js";

/** Merges of so little are computed where they are asked for. Of more, buffers would pile up in the application's memory when many databases begin at a time. */
const SMALL_BYTES = 16 * 1024;
/** Each file has its price, however small: a local copy is opened and read synchronously. */
const SMALL_FILES = 8;

/**
 * Merges of a few small files are computed on the calling thread, in well under a millisecond: with many databases that are written to now and then
 * most merges are, and the way to the worker and back costs more than such a merge. All others are the worker's.
 */
export class SizedMerging implements Merging {
  readonly #here: Merging;
  readonly #worker: Merging;

  constructor(here: Merging, worker: Merging) {
    this.#here = here;
    this.#worker = worker;
  }

  merge(job: MergeJob, fetch: FetchRanges, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#placeFor(job.files).merge(job, fetch, signal);
  }

  verify(file: LTXFileInfo, fetch: FetchRanges, signal: AbortSignal): Promise<LTXFileSummary> {
    return this.#placeFor([file]).verify(file, fetch, signal);
  }

  #placeFor(files: readonly LTXFileInfo[]): Merging {
    const isSmall = files.length <= SMALL_FILES && bytesOf(files) <= SMALL_BYTES;
    return isSmall ? this.#here : this.#worker;
  }
}
