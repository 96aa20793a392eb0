import { LSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { inOrder } from "./in-order.js";
import { RetryBudget } from "./retry.js";

/** Bytes fetched by one request. With {@link FetchOptions.parallelism} it bounds what waits in memory. */
export const RANGE_BYTES: number = 2 * 1024 * 1024;

/** A request that gives no byte for so long is broken off and repeated. */
const STALL_MS = 60_000;

export interface FetchOptions {
  /** Requests under way at a time. */
  readonly parallelism: number;
  readonly signal: AbortSignal | undefined;
}

/** Part of a file, in the order of the file. */
export interface FetchedRange {
  readonly file: LTXFileInfo;
  readonly chunks: readonly Uint8Array[];
  /** No more of this file follows. */
  readonly isLast: boolean;
}

/** A file gave fewer bytes than its listing said. That may be a connection that broke without an error, so it is retried first. */
export class ShortFile extends LSError {
  readonly file: LTXFileInfo;

  constructor(file: LTXFileInfo, size: number) {
    super("LS_LTX_CORRUPTED", `ends after ${size} of ${file.size} bytes`, { retryable: true });
    this.file = file;
  }
}

/**
 * Fetches whole files, one after the other, by requests that overlap in time: small files by one each, large ones by several.
 * A request that breaks off goes on where it stopped.
 */
export function fetchFiles(client: ReplicaClient, files: readonly LTXFileInfo[], options: FetchOptions): AsyncGenerator<FetchedRange, void, undefined> {
  return inOrder(rangesOf(files), options.parallelism, (range, signal) => fetchRange(client, range, signal), options.signal);
}

interface Range {
  readonly file: LTXFileInfo;
  readonly offset: number;
  readonly size: number;
}

function* rangesOf(files: readonly LTXFileInfo[]): Generator<Range, void, undefined> {
  for (const file of files) {
    for (let offset = 0; offset < file.size; offset += RANGE_BYTES) {
      yield { file, offset, size: Math.min(RANGE_BYTES, file.size - offset) };
    }
  }
}

async function fetchRange(client: ReplicaClient, { file, offset, size }: Range, signal: AbortSignal): Promise<FetchedRange> {
  const chunks: Uint8Array[] = [];
  const budget = new RetryBudget(signal);
  let received = 0;
  while (received < size) {
    const stall = new StallWatch(signal);
    try {
      for await (const chunk of client.openLTXFile(file, { offset: offset + received, size: size - received, signal: stall.signal })) {
        const bytes = chunk.subarray(0, size - received);
        if (bytes.length > 0) chunks.push(bytes);
        received += bytes.length;
        budget.progress(bytes.length);
        stall.moved();
      }
      if (received < size) throw new ShortFile(file, offset + received);
    } catch (error) {
      await budget.afterFailure(error);
    } finally {
      stall.stop();
    }
  }
  return { file, chunks, isLast: offset + size === file.size };
}

/** Aborts its signal when nothing has moved for {@link STALL_MS}. */
class StallWatch {
  readonly #stalled = new AbortController();
  readonly signal: AbortSignal;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parent: AbortSignal) {
    this.signal = AbortSignal.any([parent, this.#stalled.signal]);
    this.moved();
  }

  moved(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stalled.abort(new LSError("LS_STORAGE_UNAVAILABLE", `no byte came for ${STALL_MS / 1000} s`, { retryable: true }));
    }, STALL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
