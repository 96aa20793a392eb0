import type { Slicer } from "../../concurrency/slicer.js";
import { frameCount, frameEnd } from "../../wal/frame.js";
import type { EngineEvent, EngineSettings } from "../protocol.js";
import type { Attached } from "./attached.js";
import type { CommittedEnd } from "./committed-end.js";
import { nextCut, nextLook, type PaceFacts, QUIET_MS } from "./pace.js";

/** A reader that blocks checkpoints for this long is worth an event. */
const READER_EVENT_MS = 1000;
/** The WAL's size is told at most this often. */
const WAL_EVENT_MS = 1000;

/** What one attachment has seen and done, and when: decides what is due, and looks. Moments are `performance.now()`. */
export class CaptureLoop {
  readonly attached: Attached;
  readonly #settings: EngineSettings;
  readonly #emit: (event: EngineEvent) => void;
  /** The page table knows every page. */
  tableComplete = false;
  /** When the page table was looked at for saving. */
  lastTableSave: number;
  #lastLook: number;
  /** When the WAL was seen to have grown, and how far it reached. */
  #lastFrames: number;
  #lastEnd = { frames: 0, salt: 0 };
  /** The WAL had frames at some time. */
  #hasGrown = false;
  #folded = false;
  #framesPerMs = 0;
  #restartDue = false;
  /** What the last look saw. */
  #lookedAt: CommittedEnd | undefined;
  #lastCut: number;
  #lastCheckpoint: number;
  #dirtySince: number | undefined;
  /** More waits than one capture holds. */
  #backlog = false;
  #lastWALEvent = Number.NEGATIVE_INFINITY;
  #lastWALBytes = -1;
  #readerBlocksSince: number | undefined;

  constructor(attached: Attached, settings: EngineSettings, emit: (event: EngineEvent) => void, now: number) {
    this.attached = attached;
    this.#settings = settings;
    this.#emit = emit;
    this.lastTableSave = now;
    this.#lastLook = now;
    this.#lastFrames = now;
    this.#lastCut = now;
    this.#lastCheckpoint = now;
  }

  /** When the WAL was seen to have grown last, or capture began. */
  get lastGrowth(): number {
    return this.#lastFrames;
  }

  /** Whether nothing of the WAL was missing in the database file when it was seen last. */
  get folded(): boolean {
    return this.#folded;
  }

  /** Commits wait for a cut, as far as has been seen. */
  get dirty(): boolean {
    return this.#dirtySince !== undefined;
  }

  /** Whether the WAL has not grown for a while. */
  quiet(now: number): boolean {
    return now - this.#lastFrames >= QUIET_MS;
  }

  nextLook(now: number): number | undefined {
    const { checkpointIntervalMs } = this.#settings;
    const byInterval = checkpointIntervalMs === 0 ? undefined : this.#lastCheckpoint + checkpointIntervalMs;
    return nextLook(this.#facts(now, false, 0)) ?? byInterval;
  }

  /**
   * @param uploading some staged file waits for its acknowledgement.
   * @param blockedUntil no cut before this moment.
   */
  nextCut(now: number, uploading: boolean, blockedUntil: number): number | undefined {
    return nextCut(this.#facts(now, uploading, blockedUntil));
  }

  /** Something may have been committed. */
  peek(now: number): void {
    const end = this.attached.readEnd();
    // Also while a cut waits or is given up: read marks and checkpoints have to follow the WAL all the same.
    this.#noteGrowth(end, now);
    if (!this.attached.skipping && this.attached.isDirty(end)) this.markDirty(now);
  }

  /** Commits wait for a cut. */
  markDirty(now: number): void {
    if (this.#dirtySince !== undefined) return;
    this.#dirtySince = now;
    const sinceMs = Date.now();
    this.attached.noteDirty(sinceMs);
    this.#emit({ type: "dirty", sinceMs });
  }

  /** Takes frames, moves the mark, checkpoints where it is time. */
  async look(slicer: Slicer): Promise<void> {
    const { attached } = this;
    const start = performance.now();
    const elapsed = start - this.#lastLook;
    // Also when it fails: the next look is due after the usual time.
    this.#lastLook = start;
    const intervalDue = this.checkpointDue(start);
    const { cutFirst, end, checkpointed, restartDue } = await attached.look(intervalDue ? "now" : "threshold", slicer);
    const now = performance.now();
    this.#lastLook = now;
    if (checkpointed || intervalDue) this.#lastCheckpoint = now;
    this.#restartDue = restartDue;
    this.#framesPerMs = framesSince(this.#lookedAt, end) / elapsed;
    this.#lookedAt = end;
    this.#noteGrowth(end, now);
    if (!attached.skipping && attached.isDirty(end)) this.markDirty(start);
    this.#backlog ||= cutFirst;
    this.#report(end, now);
  }

  /** Whether `checkpointIntervalMs` (0 = never) has passed since the last checkpoint. */
  checkpointDue(now: number): boolean {
    const { checkpointIntervalMs } = this.#settings;
    return checkpointIntervalMs > 0 && now - this.#lastCheckpoint >= checkpointIntervalMs;
  }

  /** Everything committed so far is staged, or given up until it can be. */
  cutDone(now: number): void {
    this.#lastCut = now;
    this.#dirtySince = undefined;
    this.#backlog = false;
  }

  #noteGrowth({ header, frames, backfilled }: CommittedEnd, now: number): void {
    this.#folded = frames === backfilled;
    const salt = header?.salt1 ?? 0;
    if (frames === this.#lastEnd.frames && salt === this.#lastEnd.salt) return;
    this.#hasGrown = true;
    this.#lastEnd = { frames, salt };
    this.#lastFrames = now;
  }

  #report(end: CommittedEnd, now: number): void {
    const bytes = end.frames === 0 ? 0 : frameEnd(end.frames, this.attached.pageSize);
    if (now - this.#lastWALEvent >= WAL_EVENT_MS && bytes !== this.#lastWALBytes) {
      this.#lastWALEvent = now;
      this.#lastWALBytes = bytes;
      this.#emit({ type: "wal", bytes });
    }
    if (!this.attached.readerBlocks || bytes <= this.#settings.maxWalBytes) {
      this.#readerBlocksSince = undefined;
    } else if (this.#readerBlocksSince === undefined) {
      this.#readerBlocksSince = now;
    } else if (now - this.#readerBlocksSince >= READER_EVENT_MS) {
      // Once for each blocking reader: this moment never comes until it is gone.
      this.#readerBlocksSince = Number.POSITIVE_INFINITY;
      this.#emit({ type: "reader-blocks-checkpoint", walBytes: bytes });
    }
  }

  #facts(now: number, uploading: boolean, cutBlockedUntil: number): PaceFacts {
    return {
      now,
      uploading,
      cutBlockedUntil,
      lastLook: this.#lastLook,
      // An empty WAL has no frames that marks and checkpoints would have to follow.
      lastFrames: this.#hasGrown ? this.#lastFrames : Number.NEGATIVE_INFINITY,
      framesPerMs: this.#framesPerMs,
      framesToLimit: frameCount(this.#settings.maxWalBytes, this.attached.pageSize) - (this.#lookedAt?.frames ?? 0),
      restartDue: this.#restartDue,
      dirtySince: this.#dirtySince,
      lastCut: this.#lastCut,
      syncIntervalMs: this.#settings.syncIntervalMs,
      backlog: this.#backlog,
    };
  }
}

/** Frames that arrived between two ends; after a restart at least those of the new generation. */
function framesSince(before: CommittedEnd | undefined, { header, frames }: CommittedEnd): number {
  return before?.header?.salt1 === header?.salt1 ? Math.max(0, frames - (before?.frames ?? 0)) : frames;
}
