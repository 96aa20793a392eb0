import { RetryBudget } from "../backend-kit/retry-budget.js";
import { StallWatch } from "../backend-kit/stall-watch.js";
import { LSError } from "../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";

/** A part of a file. */
export interface FileRange {
  readonly file: LTXFileInfo;
  readonly offset: number;
  readonly size: number;
}

/** A file gave fewer bytes than its listing said. That may be a connection that broke without an error, so it is retried first. */
export class ShortFile extends LSError {
  readonly file: LTXFileInfo;

  constructor(file: LTXFileInfo, size: number) {
    super("LS_LTX_CORRUPTED", `ends after ${size} of ${file.size} bytes`, { retryable: true });
    this.file = file;
  }
}

/** Fetches one range into the start of `buffer`. A request that breaks off goes on where it stopped. */
export function fillRange(client: ReplicaClient, range: FileRange, buffer: Uint8Array, signal: AbortSignal): Promise<void> {
  return new RangeReader(client, signal).fill(range, buffer);
}

/** A client may leave traces in the signal of a request, so it is not the same one for ever. */
const REQUESTS_PER_SIGNAL = 64;

interface Watched {
  readonly stall: StallWatch;
  requests: number;
}

/** {@link fillRange} for many ranges, any number at a time: what watches over a request costs as much as a small file, and is used again. */
export class RangeReader {
  readonly #client: ReplicaClient;
  readonly #signal: AbortSignal;
  readonly #idle: Watched[] = [];

  constructor(client: ReplicaClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
  }

  /** @param at where in `buffer` the range begins. */
  async fill({ file, offset, size }: FileRange, buffer: Uint8Array, at = 0): Promise<void> {
    const budget = new RetryBudget(this.#signal);
    let received = 0;
    while (received < size) {
      const watched = this.#watch();
      const { stall } = watched;
      try {
        const wanted = { offset: offset + received, size: size - received, reuseChunks: true, signal: stall.signal };
        for await (const chunk of this.#client.openLTXFile(file, wanted)) {
          const bytes = chunk.length > size - received ? chunk.subarray(0, size - received) : chunk;
          buffer.set(bytes, at + received);
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
    return idle ?? { stall: new StallWatch(this.#signal), requests: 0 };
  }
}
