import type { PageIndexBuilder } from "./index-builder.js";
import type { MergeBatch } from "./merge-batch.js";
import type { MergeInput } from "./merge-input.js";
import { PageQueue } from "./page-queue.js";
import type { PageSequence } from "./page-sequence.js";

/** Why a walk stands still: what has to be waited for, or done, before it goes on. */
export type Halt =
  /** An input has to get its bytes. */
  | Promise<void>
  /** The batch is full: flush it. */
  | "full"
  /** The frame of {@link FrameWalk.single} does not go through the batch, which is empty. */
  | "single"
  /** All page blocks have ended. */
  | "end";

export interface FrameWalkParts {
  readonly batch: MergeBatch;
  readonly sequence: PageSequence;
  readonly index: PageIndexBuilder;
}

/**
 * The frames of all inputs in the order of the output. Synchronous as far as bytes are at hand, and apart from the generator around it: that
 * is compiled anew whenever one of its many parts turns out otherwise than before, which costs more than a merge of thousands of small files.
 */
export class FrameWalk {
  readonly #batch: MergeBatch;
  readonly #sequence: PageSequence;
  readonly #index: PageIndexBuilder;
  readonly #queue: PageQueue;
  readonly #files: readonly MergeInput[];
  #started = 0;
  /** Whether the first one's next frame still has to be found. */
  #stepping = false;
  #lastPgno = 0;
  #ended: MergeInput[] = [];

  constructor(files: readonly MergeInput[], { batch, sequence, index }: FrameWalkParts) {
    this.#files = files;
    this.#queue = new PageQueue(files);
    this.#batch = batch;
    this.#sequence = sequence;
    this.#index = index;
  }

  /** Goes on until something has to be done. */
  run(): Halt {
    const start = this.#start();
    if (start !== undefined) return start;
    for (let file = this.#queue.first(); file !== undefined; file = this.#queue.first()) {
      if (!this.#stepping) {
        const isSingle = file.legacy || file.databaseChecksum !== undefined;
        if (!this.#batch.isEmpty && (isSingle || !this.#batch.hasRoom(file))) return "full";
        if (isSingle) return "single";
        const emit = this.#accept(file);
        this.#batch.add(file, emit);
        this.#step(file);
      }
      const filling = this.#next(file);
      if (filling !== undefined) return filling;
    }
    return "end";
  }

  /** Takes the frame that {@link run} halted at as `"single"`. @returns what of it goes to the output, if it does: a view, valid until the batch is used again. */
  single(): Uint8Array<ArrayBuffer> | undefined {
    const file = this.#queue.first();
    if (file === undefined) return undefined;
    const emit = this.#isNewest(file);
    if (emit) this.#sequence.accept(file.pgno);
    const bytes = this.#batch.single(file, emit);
    if (emit) this.#index.add(file.pgno, bytes.length);
    this.#step(file);
    return emit ? bytes : undefined;
  }

  /** Inputs whose page block has ended since the last call. Their last frames may still be in the batch. */
  takeEnded(): readonly MergeInput[] {
    const ended = this.#ended;
    if (ended.length > 0) this.#ended = [];
    return ended;
  }

  #start(): Promise<void> | undefined {
    for (let file = this.#files[this.#started]; file !== undefined; file = this.#files[this.#started]) {
      while (!file.scan()) {
        const filling = file.fill();
        if (filling !== undefined) return filling;
      }
      if (file.pgno === 0) this.#ended.push(file);
      else this.#queue.push(file);
      this.#started++;
    }
    return undefined;
  }

  #accept(file: MergeInput): boolean {
    const emit = this.#isNewest(file);
    if (!emit) return false;
    this.#sequence.accept(file.pgno);
    this.#index.add(file.pgno, file.size);
    return true;
  }

  /** The first one with a page number is the newest. If a still newer file has cut it off, the older ones are cut off too. */
  #isNewest(file: MergeInput): boolean {
    return file.pgno !== this.#lastPgno && file.pgno <= file.limit;
  }

  #step(file: MergeInput): void {
    this.#lastPgno = file.pgno;
    file.consume();
    this.#stepping = true;
  }

  /** Finds the next frame of the first input, and the place of that one in the queue. */
  #next(file: MergeInput): Promise<void> | undefined {
    while (!file.scan()) {
      this.#batch.detach(file);
      const filling = file.fill();
      if (filling !== undefined) return filling;
    }
    this.#stepping = false;
    if (file.pgno === 0) {
      this.#batch.detach(file);
      this.#queue.removeFirst();
      this.#ended.push(file);
    } else {
      this.#queue.moveFirst();
    }
    return undefined;
  }
}
