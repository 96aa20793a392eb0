import { Slicer } from "../../concurrency/slicer.js";
import type { OperationQueue } from "./operation-queue.js";

export interface TurnWork {
  /** When the next turn is due, as `performance.now()`; `undefined` = none is. */
  nextDue(): number | undefined;
  /** Does what is due. `woken`: something happened to the files. */
  work(woken: boolean, slicer: Slicer): Promise<void>;
  /** Deals with what `work` threw. */
  recover(error: unknown, slicer: Slicer): Promise<void>;
}

/** The clock of an engine: one timer, and never more than one turn in the queue. */
export class Turns {
  readonly #queue: OperationQueue;
  readonly #work: TurnWork;
  #timer: NodeJS.Timeout | undefined;
  #queued = false;
  #woken = false;
  #stopped = false;

  constructor(queue: OperationQueue, work: TurnWork) {
    this.#queue = queue;
    this.#work = work;
  }

  /** Something happened to the files: a turn comes at once. */
  wake(): void {
    this.#woken = true;
    this.#enqueue();
  }

  /** Sets the timer; after everything that may have changed what is due. */
  schedule(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const due = this.#stopped ? undefined : this.#work.nextDue();
    // Timers count in whole milliseconds, and cut off the rest: one that goes off early finds nothing to do, and needs another.
    if (due !== undefined) this.#timer = setTimeout(() => this.#enqueue(), Math.max(0, Math.ceil(due - performance.now())));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #enqueue(): void {
    if (this.#queued || this.#stopped) return;
    this.#queued = true;
    const turn = async (signal: AbortSignal): Promise<void> => {
      this.#queued = false;
      const woken = this.#woken;
      this.#woken = false;
      if (this.#stopped) return;
      const slicer = new Slicer(signal);
      try {
        await this.#work.work(woken, slicer);
      } catch (error) {
        if (!signal.aborted) await this.#work.recover(error, slicer);
      } finally {
        this.schedule();
      }
    };
    // Refused only when the engine closes, and then nothing remains to be done.
    this.#queue.run(turn).catch(() => {});
  }
}
