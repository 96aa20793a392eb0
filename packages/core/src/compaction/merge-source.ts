import type { LTXFileInfo } from "../replica-client.js";
import type { FileRange } from "../restore/fetch.js";
import type { Limit } from "./limit.js";
import { BUFFERS_PER_SOURCE } from "./merge-budget.js";

/**
 * Fills the start of a buffer with a range of a file's local copy.
 * @returns false when there is no such copy (any more).
 */
export type ReadLocal = (range: FileRange, buffer: Uint8Array) => Promise<boolean>;

/**
 * Gets a range of a file from the destination: into the start of `buffer`, or of one as large that takes its place. `buffer` is lent until the
 * promise has settled.
 */
export type FetchRange = (range: FileRange, buffer: Uint8Array<ArrayBuffer>, signal: AbortSignal) => Promise<Uint8Array<ArrayBuffer>>;

/**
 * One signal for thousands of sources, each of which ends by itself too. As listeners of that signal they would slow it down, and Node warns of
 * more than ten.
 */
export class SourceSignals {
  readonly #parent: AbortSignal;
  readonly #open: Set<AbortController> = new Set();
  readonly #abort = (): void => {
    for (const controller of this.#open) controller.abort(this.#parent.reason);
  };

  constructor(parent: AbortSignal) {
    this.#parent = parent;
    parent.addEventListener("abort", this.#abort, { once: true });
  }

  open(): AbortController {
    this.#parent.throwIfAborted();
    const controller = new AbortController();
    this.#open.add(controller);
    return controller;
  }

  close(controller: AbortController): void {
    this.#open.delete(controller);
    controller.abort();
  }

  dispose(): void {
    this.#parent.removeEventListener("abort", this.#abort);
  }
}

export interface SourceContext {
  readonly fetch: FetchRange;
  readonly readLocal: ReadLocal | undefined;
  /** Requests to the destination and reads of local copies under way at a time. */
  readonly reads: Limit;
  readonly rangeBytes: number;
  readonly signals: SourceSignals;
}

/**
 * The bytes of one input of a merge, in ranges: from the local copy as long as there is one, else from the destination. Between two ranges
 * nothing is held open, so it does not matter how long the merge reads from other inputs meanwhile. One range is fetched ahead.
 * A chunk stays valid until the next but one is asked for.
 */
export async function* readSource(context: SourceContext, file: LTXFileInfo): AsyncGenerator<Uint8Array, void, undefined> {
  const cancel = context.signals.open();
  const buffers: Uint8Array<ArrayBuffer>[] = [];
  let offset = 0;
  let count = 0;
  const fetchNext = (): Promise<Uint8Array> | undefined => {
    if (offset >= file.size) return undefined;
    const range = { file, offset, size: Math.min(context.rangeBytes, file.size - offset) };
    const slot = count++ % BUFFERS_PER_SOURCE;
    const fetched = fetchRange(context, range, buffers[slot] ?? new Uint8Array(range.size), cancel.signal).then((buffer) => {
      buffers[slot] = buffer;
      return buffer.subarray(0, range.size);
    });
    // It is awaited in its turn; until then its failure is no unhandled rejection.
    fetched.catch(() => {});
    offset += range.size;
    return fetched;
  };
  let running: Promise<Uint8Array> | undefined;
  try {
    running = fetchNext();
    while (running !== undefined) {
      const chunk = await running;
      running = fetchNext();
      yield chunk;
    }
  } finally {
    context.signals.close(cancel);
    // The buffers are done with only when nothing writes to them any more.
    await running?.catch(() => {});
  }
}

function fetchRange(
  { fetch, readLocal, reads }: SourceContext,
  range: FileRange,
  buffer: Uint8Array<ArrayBuffer>,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  return reads.run(async () => {
    signal.throwIfAborted();
    const isLocal = readLocal !== undefined && (await readLocal(range, buffer));
    signal.throwIfAborted();
    return isLocal ? buffer : fetch(range, buffer, signal);
  });
}
