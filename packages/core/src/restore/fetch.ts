import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { inOrder } from "./in-order.js";
import { type FileRange, fillRange } from "./range-reader.js";

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

function* rangesOf(files: readonly LTXFileInfo[]): Generator<FileRange, void, undefined> {
  for (const file of files) {
    for (let offset = 0; offset < file.size; offset += RANGE_BYTES) {
      yield { file, offset, size: Math.min(RANGE_BYTES, file.size - offset) };
    }
  }
}
