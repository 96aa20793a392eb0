import type { Slicer } from "../../concurrency/slicer.js";
import { isLSError, LSError } from "../../errors.js";
import { isBusy, type SQLiteDriver } from "../../sqlite/driver.js";
import type { VersionGate } from "../../sqlite/version-gate.js";
import type { AttachOutcome, AttachRequest, EngineEvent, EngineSettings, NotReadyReason } from "../protocol.js";
import type { Attached, AttachedContext } from "./attached.js";
import { CaptureLoop } from "./capture-loop.js";
import { Doubt } from "./doubt.js";
import { byState, type Established, establish } from "./establish.js";
import type { Hindrance } from "./hindrance.js";
import type { LocalState } from "./local-state.js";
import { isDamage, reasonFor, whyNotReady } from "./readiness.js";

/** Attempts to attach while files are being exchanged under us. */
const ATTACH_ATTEMPTS = 3;
/** How long somebody who asked for something is kept waiting for a repair. */
const REPAIR_SOON_MS = 2000;
const REPAIR_RETRY_MS = 5;
/** Opening, asking and attaching follow one another at once, and each has to know whether the database is ready. */
const READY_MS = 500;

export interface CapturingParts {
  readonly settings: EngineSettings;
  readonly driver: SQLiteDriver;
  readonly gate: VersionGate;
  readonly emit: (event: EngineEvent) => void;
  readonly barrierPatienceMs: number;
  readonly hindrance: Hindrance;
  /** @throws LSError `LS_NOT_OPEN` */
  readonly local: () => LocalState;
  /** Capture runs (again). */
  readonly begun: () => void;
  readonly ended: () => void;
}

/** Why continuity is lost, and what repairs it. */
interface Repair {
  readonly reason: string;
  /** The database was only let go of for a while: what a start does is enough, and nobody is told. */
  readonly quietly: boolean;
}

/**
 * Capture of one database while it lasts, and what becomes of it when something is wrong: repaired from the page table, given up until the
 * database can be replicated again (`not-ready`), or to be attached anew (`detached`). Every method is a part of one operation of the engine's queue.
 */
export class Capturing {
  readonly #parts: CapturingParts;
  #loop: CaptureLoop | undefined;
  #notReady: NotReadyReason | undefined;
  /** When the database was last found to be ready, as `performance.now()`. */
  #readyAt = Number.NEGATIVE_INFINITY;
  #repair: Repair | undefined;
  #leftUncut = false;

  constructor(parts: CapturingParts) {
    this.#parts = parts;
  }

  /** Defined while frames are captured. */
  get loop(): CaptureLoop | undefined {
    return this.#loop;
  }

  get notReady(): NotReadyReason | undefined {
    return this.#notReady;
  }

  /** Whether capture ended before everything that was committed by then was cut, and has not begun again since. */
  get leftUncut(): boolean {
    return this.#leftUncut;
  }

  /** When a repair that waits is due. */
  get nextRepair(): number | undefined {
    return this.#repair === undefined ? undefined : this.#parts.hindrance.cutsBlockedUntil;
  }

  /** @throws LSError `LS_NOT_READY` when nothing is captured. */
  running(): CaptureLoop {
    if (this.#loop !== undefined) return this.#loop;
    const { path } = this.#parts.settings;
    const reason = this.#notReady ?? "not-attached";
    throw new LSError("LS_NOT_READY", `${path} cannot be replicated yet: ${reason}`, { retryable: true, details: { path, reason } });
  }

  /** Whether the database can be replicated, before anything is attached. What was ready a moment ago still is: attaching finds out otherwise. */
  look(): NotReadyReason | undefined {
    if (this.#wasJustReady) return undefined;
    this.#notReady = whyNotReady(this.#parts.driver, this.#parts.settings.path);
    if (this.#notReady === undefined) this.#readyAt = performance.now();
    return this.#notReady;
  }

  get #wasJustReady(): boolean {
    return performance.now() - this.#readyAt < READY_MS;
  }

  async attach(request: AttachRequest, slicer: Slicer): Promise<AttachOutcome> {
    const { hindrance, settings } = this.#parts;
    const local = this.#parts.local();
    // Asked for while attached: something is wrong with what was staged, so start from what the disk holds.
    this.#abandon();
    local.staged.reload();
    this.#repair = undefined;
    const reason = this.look();
    this.#readyAt = Number.NEGATIVE_INFINITY;
    if (reason !== undefined) return { kind: "not-ready", reason };
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await establish(this.#context(local), request, slicer);
        if ("baseRequired" in result) return { kind: "base-required", reason: result.baseRequired };
        this.#begin(result);
        return { kind: "attached", by: result.by, reason: result.reason, txid: local.txid, ...result.outcome };
      } catch (error) {
        if (error instanceof Doubt && attempt < ATTACH_ATTEMPTS) continue;
        const reason = reasonFor(error, settings.path);
        if (reason === undefined) throw error;
        if (isLSError(error)) hindrance.warn(error);
        this.#notReady = reason;
        return { kind: "not-ready", reason };
      }
    }
  }

  #begin({ attached }: Established): void {
    const { settings, emit, hindrance, begun } = this.#parts;
    this.#loop = new CaptureLoop(attached, settings, emit, performance.now());
    this.#repair = undefined;
    this.#leftUncut = false;
    hindrance.succeeded();
    begun();
  }

  /** Ends capture and closes the connections; what is known beside the database stays. */
  end(): void {
    const loop = this.#loop;
    if (loop === undefined) return;
    this.#loop = undefined;
    this.#parts.ended();
    loop.attached.close();
  }

  /** Ends capture because of some trouble. The connections still reach the files, deleted or not: they tell what is left behind. */
  #abandon(): void {
    if (this.#loop !== undefined) this.#leftUncut = !isAllCut(this.#loop.attached);
    this.end();
  }

  /**
   * Cuts until everything that is committed now is staged.
   * @throws LSError `LS_STORAGE_UNAVAILABLE` when as many staged files as allowed wait for the destination.
   */
  async cutAll(loop: CaptureLoop, slicer: Slicer): Promise<void> {
    const { hindrance, emit } = this.#parts;
    const { attached } = loop;
    const local = this.#parts.local();
    if (hindrance.stagedFull) {
      attached.skip();
      loop.cutDone(performance.now());
      hindrance.pause("staged-full");
      const stagedBytes = local.staged.unacknowledgedBytes;
      throw new LSError("LS_STORAGE_UNAVAILABLE", "the destination takes no files, and as many as allowed wait locally", {
        retryable: true,
        details: { stagedBytes },
      });
    }
    if (attached.skipping) {
      const outcome = await attached.resync("diff", slicer);
      local.saveTable(attached.identity, attached.cutPosition);
      emit({ type: "continued", by: "diff", reason: "cutting was paused", txid: local.txid, ...outcome });
    } else {
      while (await attached.cut(slicer)) if (slicer.due) await slicer.pause();
    }
    loop.cutDone(performance.now());
    hindrance.succeeded();
  }

  /**
   * Ends capture until {@link Capturing.resume}.
   * @param release lets go of what capture needs; when that fails, capture is repaired as after any other trouble.
   */
  letGo(release: () => void): void {
    this.#repair = { reason: "its connections were closed", quietly: true };
    this.end();
    release();
    this.#repair = undefined;
  }

  /** Takes a database up that was let go of, as a start does: the WAL or the page table proves what was missed. */
  async resume(slicer: Slicer): Promise<void> {
    this.#repair = { reason: "it had been let go of", quietly: true };
    await this.repairSoon(slicer);
  }

  /** Runs work on the attachment; when continuity turns out to be lost, once more after the repair. */
  async despiteDoubt<T>(slicer: Slicer, work: (loop: CaptureLoop) => Promise<T>): Promise<T> {
    const loop = this.running();
    try {
      return await work(loop);
    } catch (error) {
      // A caller that gave up is no trouble.
      if (slicer.aborted) throw error;
      await this.recover(error, slicer);
      if (!(error instanceof Doubt)) throw error;
    }
    return work(this.running());
  }

  /** Deals with what an operation threw. */
  async recover(error: unknown, slicer: Slicer): Promise<void> {
    const { hindrance } = this.#parts;
    if (error instanceof Doubt) {
      this.#abandon();
      this.#repair = { reason: error.message, quietly: false };
      await this.repair(slicer);
      return;
    }
    if (isLSError(error, "LS_NOT_READY") || isDamage(error)) {
      // The database is not what it was: look at it afresh.
      this.#abandon();
      this.#repair = { reason: error instanceof Error ? error.message : String(error), quietly: false };
      hindrance.backOff();
      this.lookAfresh();
      return;
    }
    if (hindrance.paused === "staged-full" && isLSError(error, "LS_STORAGE_UNAVAILABLE")) return;
    if (isBusy(error)) {
      hindrance.waitForLock();
      return;
    }
    const diskFull = isLSError(error, "LS_DISK_FULL");
    if (diskFull || isLSError(error, "LS_STORAGE_DENIED") || isLSError(error, "LS_STORAGE_UNAVAILABLE")) {
      // The meta directory takes no files: read marks and checkpoints go on, or the application's WAL would grow without end.
      hindrance.backOff();
      // What is captured stays while there is room for it; then one diff file takes its place.
      if (this.#loop?.attached.mustCut === true) this.#loop.attached.skip();
      if (diskFull) hindrance.pause("disk-full");
      else hindrance.warn(error);
      return;
    }
    hindrance.backOffAll();
    hindrance.warn(error);
  }

  /** Continuity is lost: goes on by comparing pages, if the table allows that; tried again after a while where it does not succeed now. */
  async repair(slicer: Slicer): Promise<void> {
    try {
      await this.#repairOnce(slicer);
    } catch (error) {
      if (!isPassing(error)) throw error;
      this.#parts.hindrance.backOff();
    }
  }

  /** {@link Capturing.repair} for somebody who waits: an application that is just opening or closing the database is out of the way in a moment. */
  async repairSoon(slicer: Slicer): Promise<void> {
    const until = performance.now() + REPAIR_SOON_MS;
    while (this.#repair !== undefined && performance.now() < until) {
      try {
        await this.#repairOnce(slicer);
        return;
      } catch (error) {
        if (!isPassing(error)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, REPAIR_RETRY_MS));
      await slicer.pause();
    }
    if (this.#repair !== undefined) this.#parts.hindrance.backOff();
  }

  /** @throws what {@link isPassing} knows; everything else is dealt with. */
  async #repairOnce(slicer: Slicer): Promise<void> {
    const repair = this.#repair;
    if (repair === undefined || (!repair.quietly && this.lookAfresh() !== undefined)) return;
    const { emit, hindrance } = this.#parts;
    const local = this.#parts.local();
    const { reason, quietly } = repair;
    if (local.table?.unknownPages() !== 0) {
      this.#detach(reason);
      return;
    }
    if (hindrance.stagedFull) {
      hindrance.backOff();
      hindrance.pause("staged-full");
      return;
    }
    try {
      const result = quietly ? await this.#resume(local, slicer) : await byState(this.#context(local), "diff", reason, slicer);
      this.#begin(result);
      if (!quietly) emit({ type: "continued", by: result.by, reason, txid: local.txid, ...result.outcome });
    } catch (error) {
      if (slicer.aborted || isPassing(error)) throw error;
      // No comparison helps, such as when the page size has changed: attaching says why.
      if (isLSError(error, "LS_NOT_READY")) this.#detach(error.message);
      else await this.recover(error, slicer);
    }
  }

  /** Ends capture, or a repair of it, for good: attaching begins anew. Without effect when there is neither. */
  giveUp(reason: string): void {
    if (this.#loop === undefined && this.#repair === undefined) return;
    this.#abandon();
    this.#detach(reason);
  }

  #detach(reason: string): void {
    this.#repair = undefined;
    this.#parts.emit({ type: "detached", reason });
  }

  /** The destination held everything up to the local position when the database was let go of; what a glance has found since may still wait. */
  async #resume(local: LocalState, slicer: Slicer): Promise<Established> {
    const waiting = local.staged.unacknowledged[0];
    const remoteTXID = waiting === undefined ? local.txid : waiting.txid - 1n;
    const result = await establish(this.#context(local), { remoteTXID, remoteTimestampMs: 0 }, slicer);
    if ("baseRequired" in result) throw new LSError("LS_INTERNAL", `a complete page table is of no use: ${result.baseRequired}`);
    return result;
  }

  /** Says so when the database cannot be replicated now; a repair is then pointless, and an `attach` follows. */
  lookAfresh(): NotReadyReason | undefined {
    if (this.#wasJustReady) return undefined;
    const { driver, settings, emit, hindrance } = this.#parts;
    let reason: NotReadyReason | undefined;
    try {
      reason = whyNotReady(driver, settings.path);
    } catch (error) {
      if (!isLSError(error, "LS_NOT_A_DATABASE")) hindrance.warn(error);
      reason = "unsupported";
    }
    if (reason !== undefined) {
      this.#repair = undefined;
      if (reason !== this.#notReady) emit({ type: "not-ready", reason });
    }
    this.#notReady = reason;
    return reason;
  }

  #context(local: LocalState): AttachedContext {
    const { driver, gate, settings, emit, barrierPatienceMs } = this.#parts;
    return { local, driver, gate, settings, emit, barrierPatienceMs };
  }
}

function isAllCut(attached: Attached): boolean {
  try {
    return !attached.isDirty(attached.readEnd());
  } catch {
    return false;
  }
}

/** Files are being exchanged under us, or a lock is held for a moment. */
function isPassing(error: unknown): boolean {
  return error instanceof Doubt || isBusy(error);
}
