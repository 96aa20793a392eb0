import { setTimeout } from "node:timers/promises";
import type { Slicer } from "../../concurrency/slicer.js";
import { isBusy } from "../../sqlite/driver.js";
import type { EngineEvent } from "../protocol.js";
import type { CommittedEnd } from "./committed-end.js";
import type { CheckpointResult, Connections } from "./connections.js";
import type { ReadMarks } from "./read-marks.js";

/** PASSIVE checkpoints at one look. Measured: with a single one the WAL grows without end at 1,000 commits/s already. */
const ROUNDS = 8;
/** Attempts to get the tail short enough for a barrier; the tail allowed doubles each time. */
const BARRIER_ATTEMPTS = 6;
const BARRIER_TAIL_FRAMES = 300;
/** Longest wait for the application's own checkpoint inside a barrier. */
const BARRIER_MS = 40;
const BARRIER_RETRY_MS = 0.05;
/** A reader that holds checkpoints up for this long is not just a transaction passing by. */
const READER_MS = 100;
/** Longest wait for the application's own checkpoint at one look, outside of a barrier: nobody is kept waiting. */
const BUSY_WAIT_MS = 40;

/** Where the frames go that a moving mark would give up. */
export interface FrameTaker {
  /** No more can be taken, and the mark must not move, before a cut. */
  readonly mustCut: boolean;
  grab(end: CommittedEnd, slicer: Slicer): Promise<void>;
  grabNow(end: CommittedEnd): void;
}

export interface TakeoverParts {
  readonly connections: Connections;
  readonly marks: ReadMarks;
  readonly capture: FrameTaker;
  /** Where the committed frames end now. */
  readonly readEnd: () => CommittedEnd;
  readonly emit: (event: EngineEvent) => void;
  /** How long `BEGIN IMMEDIATE` is retried, in ms: short where the application may hold the lock on this very thread. */
  readonly barrierPatienceMs: number;
  /** Bytes of WAL that `frames` take. */
  readonly walBytes: (frames: number) => number;
}

export type TakeoverResult =
  /** Everything in the WAL is in the database file: the next commit restarts it. */
  | "complete"
  /** Commits came in between, or a reader holds an older snapshot. */
  | "partial"
  /** The page map is full: cut first. */
  | "cut-first";

/**
 * Takes checkpoints over from the application without keeping it from making its own.
 *
 * One look is: take all frames, move the mark, then rounds of (PASSIVE, take, move) until nothing remains to be copied. No
 * lock of a writer is held in any of it. Only where that does not get through, and the WAL has passed its limit, a *barrier*
 * is taken: a write transaction that writes nothing and is always rolled back. Inside it nothing is encoded, hashed or written;
 * PASSIVE is repeated while it is busy, because `BEGIN IMMEDIATE` succeeds just when the application is in its own
 * checkpoint (measured: without the wait 204 barriers in 10 s restarted nothing).
 */
export class Takeover {
  readonly #parts: TakeoverParts;
  /** Frames below this one were below our mark when the last PASSIVE began. */
  #markFloor = 0;
  /** Where PASSIVE stops although our mark would let it go further, and since when. */
  #stopped: { readonly frame: number; readonly since: number } | undefined;
  /** The tail that the last barrier was good for, as a power of two: the next one starts one step below. */
  #tailShift = 0;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  /**
   * Some other connection reads a snapshot older than our mark, and stays: PASSIVE has been stopping at the same frame for a while.
   * (For a moment that is normal: a transaction may share a mark slightly older than its snapshot.)
   */
  get readerBlocks(): boolean {
    return this.#stopped !== undefined && performance.now() - this.#stopped.since >= READER_MS;
  }

  /** Takes all frames and moves the mark. */
  async look(slicer: Slicer): Promise<TakeoverResult> {
    const { capture, readEnd } = this.#parts;
    const end = readEnd();
    await capture.grab(end, slicer);
    if (capture.mustCut) return "cut-first";
    this.#move(end);
    return end.frames === end.backfilled ? "complete" : "partial";
  }

  /**
   * Rounds of PASSIVE. Call it after {@link look}.
   * @param hurried a barrier follows anyway: every further round lets the WAL grow.
   */
  async checkpoint(hurried: boolean, slicer: Slicer): Promise<TakeoverResult> {
    const { capture, readEnd } = this.#parts;
    const waitUntil = performance.now() + BUSY_WAIT_MS;
    // Behind a reader that stays, further rounds would get no further either.
    for (let round = 0; round < (hurried || this.readerBlocks ? 1 : ROUNDS); round++) {
      // A round beside another checkpoint would be spent for nothing.
      while (this.#passive().busy && performance.now() < waitUntil) await setTimeout(1);
      await capture.grab(readEnd(), slicer);
      if (capture.mustCut) return "cut-first";
      const end = readEnd();
      this.#move(end);
      if (end.frames === end.backfilled) {
        this.#stopped = undefined;
        return "complete";
      }
      if (slicer.due) await slicer.pause();
    }
    return "partial";
  }

  /** Has the WAL restart beside a writer that never pauses. Synchronous: nobody else may run while the lock is held. */
  barrier(): TakeoverResult {
    const { capture, connections, readEnd } = this.#parts;
    const writer = connections.openBarrier();
    try {
      for (let shift = Math.max(0, this.#tailShift - 1); shift < BARRIER_ATTEMPTS; shift++) {
        const { busy } = this.#passive();
        if (this.readerBlocks) return "partial";
        capture.grabNow(readEnd());
        if (capture.mustCut) return "cut-first";
        const end = readEnd();
        this.#move(end);
        if (end.frames === end.backfilled) return "complete";
        // The last attempt takes the tail as it is: what a writer can do while one PASSIVE runs. Beside a checkpoint of the
        // application the tail says nothing: that one shortens it, and the writer waits for it anyway.
        const tail = end.frames - end.backfilled;
        if (!busy && tail > BARRIER_TAIL_FRAMES << shift && shift < BARRIER_ATTEMPTS - 1) continue;
        if (!busy) this.#tailShift = shift;
        if (!this.#begin(() => writer.exec("BEGIN IMMEDIATE"))) return "partial";
        return this.#underBarrier(() => writer.exec("ROLLBACK"));
      }
      return "partial";
    } finally {
      writer.close();
    }
  }

  #underBarrier(rollback: () => void): TakeoverResult {
    const { capture, readEnd, emit, walBytes } = this.#parts;
    const start = performance.now();
    let result: TakeoverResult = "partial";
    let frames = 0;
    try {
      const end = readEnd();
      frames = end.frames;
      capture.grabNow(end);
      if (capture.mustCut) {
        result = "cut-first";
      } else {
        this.#move(end);
        let state = this.#passive();
        while (state.busy && performance.now() - start < BARRIER_MS) {
          sleepNow(BARRIER_RETRY_MS);
          state = this.#passive();
        }
        // Nobody commits meanwhile, so this mark is one of a WAL without a tail, and the next writer restarts it.
        this.#move(end);
        if (!state.busy && state.frames === state.backfilled) result = "complete";
      }
    } finally {
      rollback();
    }
    emit({ type: "barrier", heldMs: performance.now() - start, walBytes: walBytes(frames), completed: result === "complete" });
    return result;
  }

  #begin(begin: () => void): boolean {
    const until = performance.now() + this.#parts.barrierPatienceMs;
    do {
      try {
        begin();
        return true;
      } catch (error) {
        if (!isBusy(error)) throw error;
      }
      sleepNow(BARRIER_RETRY_MS);
    } while (performance.now() < until);
    return false;
  }

  #move(end: CommittedEnd): void {
    this.#parts.marks.move();
    this.#markFloor = end.frames;
  }

  #passive(): CheckpointResult {
    let state: CheckpointResult;
    try {
      state = this.#parts.connections.passive();
    } catch (error) {
      if (!isBusy(error)) throw error;
      return { busy: true, frames: 0, backfilled: 0 };
    }
    if (state.busy) return state;
    // Our own mark lets it copy at least `markFloor` frames of this generation.
    if (state.frames < this.#markFloor || state.backfilled >= this.#markFloor) this.#stopped = undefined;
    else if (this.#stopped?.frame !== state.backfilled) this.#stopped = { frame: state.backfilled, since: performance.now() };
    return state;
  }
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4));

/** Waits without giving up the thread: nothing else may run inside a barrier, and spinning would take the core from the checkpoint that is waited for. */
function sleepNow(ms: number): void {
  Atomics.wait(SLEEP, 0, 0, ms);
}
