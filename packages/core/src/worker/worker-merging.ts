import type { LTXFileSummary } from "@ls/ltx";
import type { MergeJob, Merging } from "../compaction/merging.js";
import type { FetchRanges } from "../compaction/range-source.js";
import { Ending } from "../concurrency/ending.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { FileRange } from "../restore/range-reader.js";
import type { MergeSettings, Want, WantedRange } from "./messages.js";
import { WorkerSeat } from "./shared-worker.js";

/**
 * Computes in the process's worker thread, which reads local copies itself. This thread only moves bytes: ranges of the destination in, the merged
 * file out, a chunk at a time and only when it is asked for.
 */
export class WorkerMerging implements Merging {
  readonly #entry: URL;
  readonly #metaPath: string;

  /** @param metaPath the meta directory with the local copies. */
  constructor(entry: URL, metaPath: string) {
    this.#entry = entry;
    this.#metaPath = metaPath;
  }

  async *merge({ files, timestampMs, withLocalCopies, localDirectory }: MergeJob, fetch: FetchRanges, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const settings = { files, timestampMs, metaPath: withLocalCopies ? this.#metaPath : undefined, localDirectory };
    const merge = new RemoteMerge(this.#entry, settings, fetch, signal);
    try {
      while (!merge.isOver) {
        const chunk = await merge.next();
        if (chunk.length > 0) yield chunk;
      }
    } finally {
      await merge.end();
    }
  }

  async verify(file: LTXFileInfo, fetch: FetchRanges, signal: AbortSignal): Promise<LTXFileSummary> {
    const settings = { files: [file], timestampMs: undefined, metaPath: undefined, localDirectory: undefined };
    const merge = new RemoteMerge(this.#entry, settings, fetch, signal);
    try {
      return await merge.verify();
    } finally {
      await merge.end();
    }
  }
}

/** What is being fetched for a merge that is over. */
const LEFT = new Error("the merge is over");

class RemoteMerge {
  readonly #seat: WorkerSeat;
  readonly #settings: MergeSettings;
  readonly #fetch: FetchRanges;
  readonly #signal: AbortSignal;
  /** Ends what is being fetched when nobody waits for it any more. Most merges fetch nothing. */
  readonly #ended: Ending = new Ending();
  #fetching: Set<Promise<void>> | undefined;
  #isBegun = false;
  /** What the merge failed for, when that was a fetch: errors of clients do not survive the way to the worker and back. */
  #failure: { readonly error: unknown } | undefined;
  /** Whether the worker has given everything; it has forgotten the merge then. */
  isOver = false;

  constructor(entry: URL, settings: MergeSettings, fetch: FetchRanges, signal: AbortSignal) {
    signal.throwIfAborted();
    this.#settings = settings;
    this.#fetch = fetch;
    this.#signal = signal;
    this.#seat = new WorkerSeat(entry, {
      received: (message) => {
        if (message.type === "want") this.#supply(message.want);
      },
      died: () => this.#ended.abort(LEFT),
    });
  }

  async next(): Promise<Uint8Array> {
    const isFirst = !this.#isBegun;
    this.#isBegun = true;
    const asked = isFirst ? this.#seat.request("merge", this.#settings, this.#signal) : this.#seat.request("mergeNext", undefined, this.#signal);
    const { chunk, isLast } = await this.#answerTo(asked);
    this.isOver = isLast;
    return chunk;
  }

  async verify(): Promise<LTXFileSummary> {
    const { summary } = await this.#answerTo(this.#seat.request("mergeVerify", this.#settings, this.#signal));
    this.isOver = true;
    return summary;
  }

  async end(): Promise<void> {
    this.#ended.abort(LEFT);
    if (this.#fetching !== undefined) await Promise.all(this.#fetching);
    await this.#seat.leave({ isForgotten: this.isOver });
  }

  async #answerTo<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      throw this.#failure !== undefined && !this.#signal.aborted ? this.#failure.error : error;
    }
  }

  #supply(want: Want): void {
    const { signal } = this.#ended;
    if (signal.aborted) return;
    this.#fetching ??= new Set();
    const running = this.#fetching;
    const fetching = this.#fetchWanted(want, signal).finally(() => running.delete(fetching));
    running.add(fetching);
  }

  #rangeOf({ file, offset, size }: WantedRange): FileRange {
    const info = this.#settings.files[file];
    if (info === undefined) throw new RangeError(`the merge has no file ${file}`);
    return { file: info, offset, size };
  }

  async #fetchWanted({ id, ranges, buffer }: Want, ended: AbortSignal): Promise<void> {
    const { seat } = this.#seat;
    let filled: Uint8Array<ArrayBuffer> | undefined;
    try {
      if (ended.aborted) return;
      filled = await this.#fetch(
        ranges.map((range) => this.#rangeOf(range)),
        buffer,
        ended,
      );
    } catch (error) {
      if (!ended.aborted) this.#failure ??= { error };
    } finally {
      if (!ended.aborted) this.#seat.send({ type: "supply", seat, want: id, buffer: filled }, filled === undefined ? [] : [filled.buffer]);
    }
  }
}
