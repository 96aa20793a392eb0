import { LSError } from "../../errors.js";

interface Entry {
  readonly start: () => void;
  readonly reject: (reason: unknown) => void;
}

/** One that nobody has aborted, for the next operation of any queue: most operations take less time than to make one. */
let spare: AbortController | undefined;

/**
 * Runs operations one at a time, in the order they were asked for. Everything that touches one database goes through one
 * queue, so no two awaits of different operations ever interleave.
 */
export class OperationQueue {
  readonly #waiting: Entry[] = [];
  #running: AbortController | undefined;
  #closed = false;

  /**
   * Queues `operation`. A waiting one leaves the queue at once when `signal` aborts; a running one is told through the
   * signal it gets, which is its own only until it settles, and settles when it has cleaned up.
   */
  run<T>(operation: (signal: AbortSignal) => Promise<T> | T, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) return reject(notOpen());
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason);
      };
      const entry: Entry = {
        start: () => {
          signal?.removeEventListener("abort", onAbort);
          void this.#execute(operation, signal).then(resolve, reject);
        },
        reject: (reason) => {
          signal?.removeEventListener("abort", onAbort);
          reject(reason);
        },
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.push(entry);
      this.#startNext();
    });
  }

  /** Aborts the running operation. */
  abortRunning(reason: unknown): void {
    this.#running?.abort(reason);
  }

  /** Refuses the waiting operations and every later one with `LS_NOT_OPEN`; the running one goes on. */
  close(): void {
    this.#closed = true;
    for (const entry of this.#waiting.splice(0)) entry.reject(notOpen());
  }

  async #execute<T>(operation: (signal: AbortSignal) => Promise<T> | T, signal: AbortSignal | undefined): Promise<T> {
    const controller = spare ?? new AbortController();
    spare = undefined;
    this.#running = controller;
    // AbortSignal.any() would do, and cost more than many an operation.
    const follow = (): void => controller.abort(signal?.reason);
    signal?.addEventListener("abort", follow, { once: true });
    try {
      return await operation(controller.signal);
    } finally {
      signal?.removeEventListener("abort", follow);
      this.#running = undefined;
      if (!controller.signal.aborted) spare = controller;
      this.#startNext();
    }
  }

  #startNext(): void {
    if (this.#running === undefined) this.#waiting.shift()?.start();
  }
}

function notOpen(): LSError {
  return new LSError("LS_NOT_OPEN", "the database is closed");
}
