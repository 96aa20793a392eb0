import { SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileRef } from "../replica-client.js";
import { fileKey } from "../restore/plan.js";

/** What was done last: writing a level (9 = a snapshot), or a pass of deletions. */
export type KeepingMark = number | "l0" | "history";

/** Kinds of work, each of which waits out its own failures. */
export type KeepingKind = "merge" | "snapshot" | "retention";

/** What this process knows about keeping one destination beyond its listing. */
export class KeepingMemory {
  /** When this process came to know the destination, ms; never in the future. */
  seenMs: number;
  /** From 0 to below 1: this database's share of the spread of due times. */
  readonly jitter: number;
  /** A snapshot is to be taken without regard to the interval. */
  wantsSnapshot = false;
  readonly #lastMs: Map<KeepingMark, number> = new Map();
  #notBeforeMs: Map<KeepingKind, number> | undefined;
  #damaged: Map<string, string> | undefined;

  constructor(seenMs: number, jitter: number) {
    this.seenMs = seenMs;
    this.jitter = jitter;
  }

  readonly isUsable = (file: LTXFileRef): boolean => this.#damaged?.has(fileKey(file)) !== true;

  /** A file turned out to be damaged. @returns whether that is new. */
  condemn(file: LTXFileRef, reason: string): boolean {
    const key = fileKey(file);
    if (this.#damaged?.has(key) === true) return false;
    this.#damaged ??= new Map();
    this.#damaged.set(key, reason);
    return true;
  }

  /** When something was done last, or else when the destination became known; ms. */
  lastMs(mark: KeepingMark): number {
    return this.#lastMs.get(mark) ?? (typeof mark === "number" ? this.seenMs : Number.NEGATIVE_INFINITY);
  }

  done(mark: KeepingMark, nowMs: number): void {
    this.#lastMs.set(mark, nowMs);
    if (mark === SNAPSHOT_LEVEL) this.wantsSnapshot = false;
  }

  /** Nothing of that kind before this moment, ms: the last attempt failed. */
  notBeforeMs(kind: KeepingKind): number {
    return this.#notBeforeMs?.get(kind) ?? Number.NEGATIVE_INFINITY;
  }

  holdOff(kind: KeepingKind, untilMs: number): void {
    this.#notBeforeMs ??= new Map();
    this.#notBeforeMs.set(kind, untilMs);
  }

  /** Longest wait after a failure, ms. */
  static readonly MAX_HOLD_MS: number = 60 * 60_000;

  /** Moments that the clock has gone back behind count as now: nothing waits for a clock to catch up. */
  clock(nowMs: number): void {
    if (this.seenMs > nowMs) this.seenMs = nowMs;
    for (const [mark, ms] of this.#lastMs) if (ms > nowMs) this.#lastMs.set(mark, nowMs);
    for (const [kind, ms] of this.#notBeforeMs ?? []) if (ms > nowMs + KeepingMemory.MAX_HOLD_MS) this.holdOff(kind, nowMs + KeepingMemory.MAX_HOLD_MS);
  }
}
