import { isLSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { inOrder } from "./in-order.js";

/** Bytes fetched by one request. With {@link FetchOptions.parallelism} it bounds what waits in memory. */
export const RANGE_BYTES: number = 2 * 1024 * 1024;

/** Failures in a row, without {@link PROGRESS_BYTES} between them, that end a fetch. */
const MAX_FAILURES = 5;
/** So much progress makes earlier failures forgotten: a day-long restore survives a dropped connection an hour. */
const PROGRESS_BYTES = 256 * 1024;
const FIRST_BACKOFF_MS = 250;

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

/** A file that is shorter than its listing said. */
export class ShortFile extends Error {
  readonly file: LTXFileInfo;

  constructor(file: LTXFileInfo, size: number) {
    super(`ends after ${size} of ${file.size} bytes`);
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
  let received = 0;
  let failures = 0;
  let progress = 0;
  while (received < size) {
    let failure: unknown;
    try {
      for await (const chunk of client.openLTXFile(file, { offset: offset + received, size: size - received, signal })) {
        const bytes = chunk.subarray(0, size - received);
        if (bytes.length > 0) chunks.push(bytes);
        received += bytes.length;
        progress += bytes.length;
      }
      if (received === size) break;
      failure = new ShortFile(file, offset + received);
    } catch (error) {
      failure = error;
    }
    signal.throwIfAborted();
    if (progress >= PROGRESS_BYTES) failures = 0;
    progress = 0;
    failures++;
    if (failures > MAX_FAILURES || !(failure instanceof ShortFile || (isLSError(failure) && failure.retryable))) throw failure;
    await delay(FIRST_BACKOFF_MS * 2 ** (failures - 1), signal);
  }
  return { file, chunks, isLast: offset + size === file.size };
}

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
