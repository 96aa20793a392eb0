import { setMaxListeners } from "node:events";

/**
 * The end of something that lasts, for those who have to hear of it. An AbortController takes most of a kilobyte, so there is one only while
 * somebody listens: hundreds of databases rest. Any number may listen.
 */
export class Ending {
  #controller: AbortController | undefined;
  #ended: { readonly reason: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      // Node takes more than ten listeners for a leak.
      setMaxListeners(0, this.#controller.signal);
      if (this.#ended !== undefined) this.#controller.abort(this.#ended.reason);
    }
    return this.#controller.signal;
  }

  /** Only the first call counts. */
  abort(reason?: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = { reason };
    this.#controller?.abort(reason);
  }

  /** Nobody listens any more to the signal that was given out. */
  unheard(): void {
    this.#controller = undefined;
  }
}
