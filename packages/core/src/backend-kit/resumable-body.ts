import { LSError } from "../errors.js";
import { nextChunk } from "./next-chunk.js";
import { RetryBudget, type RetryLimits } from "./retry-budget.js";
import { type StallLimits, StallWatch } from "./stall-watch.js";

/** A body as a service began to answer it. */
export interface OpenedBody {
  /** Its bytes from the wanted offset on. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** How many bytes the service announced; a body that ends before that was cut off. */
  readonly length: number | undefined;
  /** What tells one version of the object from another, such as an ETag: a body goes on only where it stopped, never in something else. */
  readonly version: string | undefined;
  /** Lets go of what holds the bytes, such as a socket, when not all of them were read. */
  release(): void;
}

/** Which bytes of a body. */
export interface BodyRange {
  /** First byte wanted, 0 or more. */
  readonly offset: number;
  /** Bytes wanted at most, 1 or more; `undefined` = to the end. */
  readonly size: number | undefined;
}

/** Options of `resumableBody()`: a range, how to ask for it, and when to give up. */
export interface ResumableBodyOptions extends BodyRange, StallLimits {
  /**
   * Asks the service for a range. `undefined` = there is nothing at or beyond that offset. Failures are {@link LSError}s; those that are retryable
   * are repeated from the byte reached.
   */
  readonly open: (range: BodyRange, signal: AbortSignal) => Promise<OpenedBody | undefined>;
  /** Turns what reading from `chunks` threw into an {@link LSError}. */
  readonly failure: (error: unknown) => unknown;
  /** Ends the reading. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** How often it may fail without getting on. Default: that of `RetryLimits`. */
  readonly retry?: RetryLimits | undefined;
}

/**
 * The bytes of a range, whatever happens to the connections that carry them: one that breaks off or stalls goes on at the byte reached, as long as
 * it gets on. No byte comes twice, and an end before what was announced is no end. Nothing is opened before the first `next()`.
 */
export async function* resumableBody(options: ResumableBodyOptions): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options;
  signal?.throwIfAborted();
  const budget = new RetryBudget(signal, options.retry);
  const progress: Progress = { received: 0, version: undefined };
  for (;;) {
    const watch = new StallWatch(signal, options);
    try {
      for await (const chunk of attempt(options, progress, watch)) {
        budget.progress(chunk.length);
        watch.pause();
        yield chunk;
        watch.resume();
      }
      return;
    } catch (error) {
      await budget.afterFailure(error);
    } finally {
      watch.stop();
    }
  }
}

interface Progress {
  received: number;
  version: string | undefined;
}

/** What one request gives, from the byte reached; ends without an error only where the range does. */
async function* attempt(options: ResumableBodyOptions, progress: Progress, watch: StallWatch): AsyncGenerator<Uint8Array, void, undefined> {
  const size = options.size === undefined ? undefined : options.size - progress.received;
  if (size === 0) return;
  const body = await options.open({ offset: options.offset + progress.received, size }, watch.signal);
  if (body === undefined) {
    if (progress.received > 0) throw changed();
    return;
  }
  const iterator = body.chunks[Symbol.asyncIterator]();
  const whole = body.length;
  let given = 0;
  try {
    if (progress.version !== undefined && body.version !== progress.version) throw changed();
    progress.version = body.version;
    let left = Math.min(whole ?? Number.POSITIVE_INFINITY, size ?? Number.POSITIVE_INFINITY);
    while (left > 0) {
      const chunk = await nextChunk(iterator, watch.signal).catch((error: unknown) => {
        throw watch.signal.aborted ? watch.signal.reason : options.failure(error);
      });
      if (chunk === undefined) {
        if (whole === undefined) return;
        throw new LSError("LS_STORAGE_UNAVAILABLE", `the connection ended ${left} bytes early`, { retryable: true });
      }
      const bytes = plainBytes(chunk, left);
      left -= bytes.length;
      given += bytes.length;
      progress.received += bytes.length;
      watch.moved(bytes.length);
      if (bytes.length > 0) yield bytes;
    }
  } finally {
    // A body that is read to its end gives its connection back, for the next request; it takes one more step to see the end.
    if (given === whole) void iterator.next().catch(() => {});
    else body.release();
  }
}

/** A chunk of Node's is a `Buffer`, whose `slice` does not copy as that of its type would. */
function plainBytes(chunk: Uint8Array, limit: number): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, Math.min(chunk.length, limit));
}

function changed(): LSError {
  return new LSError("LS_STORAGE_UNAVAILABLE", "the file was replaced while it was being read", {});
}
