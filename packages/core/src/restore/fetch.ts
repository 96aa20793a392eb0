import { RetryBudget } from "../backend-kit/retry-budget.js";
import { StallWatch } from "../backend-kit/stall-watch.js";
import { LSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { inOrder } from "./in-order.js";

/** Bytes fetched by one request. */
const RANGE_BYTES = 1024 * 1024;
/** What may wait in memory, in such requests. */
const DEFAULT_RANGES = 8;
/** A range that is not larger takes only so much of that memory: thousands of small files wait for answers, not for bytes. */
const SMALL_BYTES = RANGE_BYTES / 8;
/** Requests under way at a time, however small, where nobody says how many. */
const MAX_REQUESTS = 64;

export interface FetchOptions {
  /** Requests under way at a time, each for up to 1 MiB. Default: as many as 8 MiB hold, up to 64. */
  readonly parallelism: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Part of a file, in the order of the file. */
export interface FetchedRange {
  readonly file: LTXFileInfo;
  /** Valid until the next range is asked for. */
  readonly bytes: Uint8Array;
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
export async function* fetchFiles(client: ReplicaClient, files: readonly LTXFileInfo[], options: FetchOptions): AsyncGenerator<FetchedRange, void, undefined> {
  // Ranges go through the same few buffers: collecting garbage would come long after the memory has grown by it.
  const idle = new Map<number, Uint8Array[]>([
    [SMALL_BYTES, []],
    [RANGE_BYTES, []],
  ]);
  const fetch = async (range: FileRange, signal: AbortSignal): Promise<{ range: FileRange; buffer: Uint8Array }> => {
    const bytes = bufferBytes(range);
    const buffer = idle.get(bytes)?.pop() ?? new Uint8Array(bytes);
    await fillRange(client, range, buffer, signal);
    return { range, buffer };
  };
  const { parallelism } = options;
  const room = { count: parallelism ?? MAX_REQUESTS, weight: (parallelism ?? DEFAULT_RANGES) * RANGE_BYTES, weigh: bufferBytes };
  for await (const { range, buffer } of inOrder(rangesOf(files), room, fetch, options.signal)) {
    const { file, offset, size } = range;
    yield { file, bytes: buffer.subarray(0, size), isLast: offset + size === file.size };
    idle.get(buffer.length)?.push(buffer);
  }
}

function bufferBytes({ size }: FileRange): number {
  return size > SMALL_BYTES ? RANGE_BYTES : SMALL_BYTES;
}

/** A part of a file. */
export interface FileRange {
  readonly file: LTXFileInfo;
  readonly offset: number;
  readonly size: number;
}

function* rangesOf(files: readonly LTXFileInfo[]): Generator<FileRange, void, undefined> {
  for (const file of files) {
    for (let offset = 0; offset < file.size; offset += RANGE_BYTES) {
      yield { file, offset, size: Math.min(RANGE_BYTES, file.size - offset) };
    }
  }
}

/** Fetches one range into the start of `buffer`. A request that breaks off goes on where it stopped. */
export function fillRange(client: ReplicaClient, range: FileRange, buffer: Uint8Array, signal: AbortSignal): Promise<void> {
  return new RangeFiller(client, signal).fill(range, buffer);
}

/** A client may leave traces in the signal of a request, so it is not the same one for ever. */
const REQUESTS_PER_SIGNAL = 64;

interface Watched {
  readonly stall: StallWatch;
  requests: number;
}

/** {@link fillRange} for many ranges, any number at a time: what watches over a request costs as much as a small file, and is used again. */
export class RangeFiller {
  readonly signal: AbortSignal;
  readonly #client: ReplicaClient;
  readonly #idle: Watched[] = [];

  constructor(client: ReplicaClient, signal: AbortSignal) {
    this.#client = client;
    this.signal = signal;
  }

  async fill({ file, offset, size }: FileRange, buffer: Uint8Array): Promise<void> {
    const budget = new RetryBudget(this.signal);
    let received = 0;
    while (received < size) {
      const watched = this.#watch();
      const { stall } = watched;
      try {
        const wanted = { offset: offset + received, size: size - received, reuseChunks: true, signal: stall.signal };
        for await (const chunk of this.#client.openLTXFile(file, wanted)) {
          const bytes = chunk.subarray(0, size - received);
          buffer.set(bytes, received);
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
      if (!stall.signal.aborted && ++watched.requests < REQUESTS_PER_SIGNAL) this.#idle.push(watched);
    }
  }

  #watch(): Watched {
    const idle = this.#idle.pop();
    idle?.stall.start();
    return idle ?? { stall: new StallWatch(this.signal), requests: 0 };
  }
}
