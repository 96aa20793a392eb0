/** Work done before the event loop gets a turn. On the application's own thread this is what one slice may cost it. */
const SLICE_MS = 4;

/**
 * Cuts long work into slices: between two slices the event loop runs, and the abort signal is obeyed.
 * ```ts
 * if (slicer.due) await slicer.pause();
 * ```
 */
export class Slicer {
  readonly #signal: AbortSignal | undefined;
  #sliceEnd: number;

  constructor(signal?: AbortSignal) {
    signal?.throwIfAborted();
    this.#signal = signal;
    this.#sliceEnd = performance.now() + SLICE_MS;
  }

  /** Whether the current slice is used up. */
  get due(): boolean {
    return performance.now() >= this.#sliceEnd;
  }

  /** Whoever asked for the work has given it up. */
  get aborted(): boolean {
    return this.#signal?.aborted ?? false;
  }

  /** What cancels the work. */
  get signal(): AbortSignal | undefined {
    return this.#signal;
  }

  /** Gives the event loop a turn. Throws the signal's reason when it was aborted meanwhile. */
  async pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#sliceEnd = performance.now() + SLICE_MS;
  }
}
