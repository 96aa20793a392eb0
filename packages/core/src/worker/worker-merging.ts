import { setMaxListeners } from "node:events";
import type { LTXFileSummary } from "@ls/ltx";
import type { FetchRange } from "../compaction/merge-source.js";
import type { MergeJob, Merging } from "../compaction/merging.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { MergeSettings, Want } from "./messages.js";
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

  async *merge({ files, timestampMs, withLocalCopies }: MergeJob, fetch: FetchRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const merge = new RemoteMerge(this.#entry, { files, timestampMs, metaPath: withLocalCopies ? this.#metaPath : undefined }, fetch, signal);
    try {
      for (let chunk = await merge.next(); chunk !== undefined; chunk = await merge.next()) yield chunk;
    } finally {
      await merge.end();
    }
  }

  async verify(file: LTXFileInfo, fetch: FetchRange, signal: AbortSignal): Promise<LTXFileSummary> {
    const merge = new RemoteMerge(this.#entry, { files: [file], timestampMs: undefined, metaPath: undefined }, fetch, signal);
    try {
      return await merge.verify();
    } finally {
      await merge.end();
    }
  }
}

class RemoteMerge {
  readonly #seat: WorkerSeat;
  readonly #settings: MergeSettings;
  readonly #fetch: FetchRange;
  readonly #signal: AbortSignal;
  /** Ends what is being fetched when nobody waits for it any more. */
  readonly #ended = new AbortController();
  readonly #fetching = new Set<Promise<void>>();
  /** What the merge failed for, when that was a fetch: errors of clients do not survive the way to the worker and back. */
  #failure: { readonly error: unknown } | undefined;

  constructor(entry: URL, settings: MergeSettings, fetch: FetchRange, signal: AbortSignal) {
    signal.throwIfAborted();
    this.#settings = settings;
    this.#fetch = fetch;
    this.#signal = signal;
    // Several per fetch; Node takes more than ten for a leak.
    setMaxListeners(0, this.#ended.signal);
    this.#seat = new WorkerSeat(entry, {
      received: (message) => {
        if (message.type === "want") this.#supply(message.want);
      },
      died: () => this.#ended.abort(),
    });
    this.#seat.send({ type: "merge", seat: this.#seat.seat, settings });
  }

  async next(): Promise<Uint8Array | undefined> {
    return (await this.#asked(this.#seat.request("mergeNext", undefined, this.#signal))).chunk;
  }

  async verify(): Promise<LTXFileSummary> {
    return (await this.#asked(this.#seat.request("mergeVerify", undefined, this.#signal))).summary;
  }

  async end(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#fetching);
    await this.#seat.leave();
  }

  async #asked<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#failure !== undefined && !this.#signal.aborted ? this.#failure.error : error;
    }
  }

  #supply(want: Want): void {
    const fetching = this.#fetchWanted(want).finally(() => this.#fetching.delete(fetching));
    this.#fetching.add(fetching);
  }

  async #fetchWanted({ id, file, offset, size, buffer }: Want): Promise<void> {
    const { seat } = this.#seat;
    let filled: Uint8Array<ArrayBuffer> | undefined;
    try {
      const info = this.#settings.files[file];
      if (info === undefined || this.#ended.signal.aborted) return;
      filled = await this.#fetch({ file: info, offset, size }, buffer, this.#ended.signal);
    } catch (error) {
      if (!this.#ended.signal.aborted) this.#failure ??= { error };
    } finally {
      if (!this.#ended.signal.aborted) this.#seat.send({ type: "supply", seat, want: id, buffer: filled }, filled === undefined ? [] : [filled.buffer]);
    }
  }
}
