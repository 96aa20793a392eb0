import { bytesOf } from "../bytes-of.js";
import { readLocalOf } from "../compaction/local-copies.js";
import { DirectMerging } from "../compaction/merging.js";
import type { FetchRanges } from "../compaction/range-source.js";
import { concatBytes } from "../concat-bytes.js";
import type { LTXFileInfo } from "../replica-client.js";
import { uninitialized } from "../uninitialized.js";
import type { MergeChunk, MergeOp, MergeRequests, MergeSettings, Want } from "./messages.js";

/** Bytes that one answer has at least, unless the file ends: worth a message between threads. It has one batch more at most. */
const CHUNK_BYTES = 256 * 1024;

/** What ends a merge that nobody wants any more. */
const LEFT = new Error("the merge is over");

interface Waiting {
  readonly resolve: (buffer: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (reason: unknown) => void;
}

/** One merge in the worker. It reads ahead by what its sources hold, and no further than it is asked for. */
export class HostedMerge {
  readonly #settings: MergeSettings;
  readonly #post: (want: Want) => void;
  readonly #merging: DirectMerging;
  readonly #ended = new AbortController();
  readonly #waiting = new Map<number, Waiting>();
  /** Where each file lies among the merge's; most merges fetch nothing. */
  #places: ReadonlyMap<LTXFileInfo, number> | undefined;
  #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>> | undefined;
  #nextWant = 1;
  /** What is still to come, at most: a merged file is hardly larger than what it is made of. Most are small, and an answer takes memory with it. */
  #remainingBytes: number;
  #isOver = false;

  constructor(settings: MergeSettings, post: (want: Want) => void) {
    this.#settings = settings;
    this.#remainingBytes = bytesOf(settings.files);
    this.#post = post;
    this.#merging = new DirectMerging(settings.metaPath === undefined ? undefined : readLocalOf(settings.metaPath));
  }

  /** Whether it has given everything. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** `signal` ends the whole merge. */
  async request(op: MergeOp, signal: AbortSignal): Promise<MergeRequests[MergeOp]["result"]> {
    const onAbort = (): void => this.end();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (op !== "mergeVerify") return await this.#next();
      const summary = await this.#verify();
      this.#isOver = true;
      return { summary };
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Answers a want. */
  supply(id: number, buffer: Uint8Array<ArrayBuffer> | undefined): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (buffer !== undefined) waiting?.resolve(buffer);
    else waiting?.reject(new Error("ranges could not be fetched"));
  }

  /** Gives up; idempotent. */
  end(): void {
    this.#ended.abort(LEFT);
    for (const { reject } of this.#waiting.values()) reject(this.#ended.signal.reason);
    this.#waiting.clear();
    // It ends by itself when it is running, and then with the failure that the request under way is answered with.
    this.#chunks?.return(undefined).catch(() => {});
  }

  async #next(): Promise<MergeChunk> {
    const { files, timestampMs, metaPath, localDirectory } = this.#settings;
    this.#chunks ??= this.#merging.merge({ files, timestampMs, withLocalCopies: metaPath !== undefined, localDirectory }, this.#fetch, this.#ended.signal);
    let answer: Uint8Array<ArrayBuffer> | undefined;
    let size = 0;
    while (size < CHUNK_BYTES) {
      const { value, done } = await this.#chunks.next();
      if (done === true) {
        this.#isOver = true;
        break;
      }
      answer ??= uninitialized(Math.min(2 * CHUNK_BYTES, Math.max(this.#remainingBytes, value.length)));
      // Only the page index at the end may be larger than that.
      if (size + value.length > answer.length) answer = concatBytes([answer.subarray(0, size), new Uint8Array(value.length)]);
      answer.set(value, size);
      size += value.length;
    }
    this.#remainingBytes -= size;
    return { chunk: answer?.subarray(0, size) ?? new Uint8Array(0), isLast: this.#isOver };
  }

  async #verify(): Promise<MergeRequests["mergeVerify"]["result"]["summary"]> {
    const [file] = this.#settings.files;
    if (file === undefined) throw new RangeError("nothing to verify");
    return this.#merging.verify(file, this.#fetch, this.#ended.signal);
  }

  #placeOf(file: LTXFileInfo): number {
    this.#places ??= new Map(this.#settings.files.map((one, place) => [one, place]));
    return this.#places.get(file) ?? -1;
  }

  readonly #fetch: FetchRanges = (ranges, buffer, signal) => {
    const id = this.#nextWant++;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      this.#waiting.set(id, { resolve, reject });
      this.#post({ id, ranges: ranges.map(({ file, offset, size }) => ({ file: this.#placeOf(file), offset, size })), buffer });
    });
  };
}
