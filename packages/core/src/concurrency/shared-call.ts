import { setMaxListeners } from "node:events";
import { unlessAborted } from "../backend-kit/unless-aborted.js";

/** Work that several callers wait for: whoever gives up is rejected alone, and only when all have given up the work itself is aborted. */
export class SharedCall<T> {
  readonly #abort = new AbortController();
  readonly #done: Promise<T>;
  #callers = 0;

  /** Begins the work. */
  constructor(work: (signal: AbortSignal) => Promise<T>) {
    setMaxListeners(0, this.#abort.signal);
    this.#done = work(this.#abort.signal);
  }

  /** Whether the work was aborted; until it has settled nothing can be expected of it. */
  get aborted(): boolean {
    return this.#abort.signal.aborted;
  }

  /** What the work gives, for one more caller. */
  async join(signal: AbortSignal | undefined): Promise<T> {
    this.#callers++;
    try {
      return await unlessAborted(this.#done, signal);
    } finally {
      this.#callers--;
      if (signal?.aborted === true && this.#callers === 0) this.abort(signal.reason);
    }
  }

  /** Aborts the work for all. */
  abort(reason: unknown): void {
    this.#abort.abort(reason);
  }

  /** Resolves when the work is over, however it ended. */
  settled(): Promise<void> {
    const over = (): void => {};
    return this.#done.then(over, over);
  }
}
