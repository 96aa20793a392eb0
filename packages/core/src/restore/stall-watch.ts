import { LSError } from "../errors.js";

/** A request that moves nothing for so long is broken off. */
const STALL_MS = 60_000;

/**
 * A request's own signal: aborted with its parent, and when nothing has moved for {@link STALL_MS}. Not `AbortSignal.any`, which leaves a trace in
 * the parent for each of the many thousand requests of a long restore.
 */
export class StallWatch {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #follow = (): void => this.#controller.abort(this.#parent.reason);
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    if (parent.aborted) this.#follow();
    parent.addEventListener("abort", this.#follow, { once: true });
    this.moved();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  moved(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#controller.abort(new LSError("LS_STORAGE_UNAVAILABLE", `nothing moved for ${STALL_MS / 1000} s`, { retryable: true }));
    }, STALL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#parent.removeEventListener("abort", this.#follow);
  }
}
