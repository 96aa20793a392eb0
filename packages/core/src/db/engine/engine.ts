import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { TXID } from "@ls/ltx";
import { isLSError, LSError } from "../../errors.js";
import { isBusy, type SQLiteDriver, sqliteErrorCode } from "../../sqlite/driver.js";
import { CopyWatch } from "../../sqlite/loaded-copies.js";
import { secondSQLite } from "../../sqlite/resolve.js";
import { gateVersion, type VersionGate } from "../../sqlite/version-gate.js";
import { frameEnd } from "../../wal/frame.js";
import { DatabaseLock } from "../lock.js";
import { MetaDirectory } from "../meta-directory.js";
import type { AttachOutcome, AttachRequest, EngineEvent, EngineOp, EngineOpened, EngineRequests, EngineSettings, NotReadyReason } from "../protocol.js";
import type { Attached, AttachedContext } from "./attached.js";
import type { CommittedEnd } from "./committed-end.js";
import { Doubt } from "./doubt.js";
import { byState, establish, toOutcome } from "./establish.js";
import { LocalState } from "./local-state.js";
import { OperationQueue } from "./operation-queue.js";
import { Backoff, nextCut, nextLook, type PaceFacts, QUIET_MS } from "./pace.js";
import { reasonOf, whyNotReady } from "./readiness.js";
import { Slicer } from "./slicer.js";
import { DatabaseWatch } from "./watch.js";

/** The page table goes to disk at most this often (and at close). */
const TABLE_SAVE_MS = 60_000;
/** Pages hashed per turn while a missing page table is built beside capture. */
const READER_EVENT_MS = 1000;
const WAL_EVENT_MS = 1000;
/** Cutting resumes when the staged files take this share of what they may. */
const RESUME_SHARE = 0.9;

export interface EngineOptions {
  readonly settings: EngineSettings;
  readonly driver: SQLiteDriver;
  readonly emit: (event: EngineEvent) => void;
  /** How long a barrier is tried for, in ms: short on the application's own thread, where the application may hold the lock. */
  readonly barrierPatienceMs: number;
}

/**
 * The engine of one database: what the requests of {@link EngineRequests} do, and the clock that looks and cuts between them.
 * All of it runs as operations of one queue.
 *
 * States: opened (position known, lock held) → attached (capturing) → closed. An attached engine falls back to opened when the
 * database cannot be replicated any more (`not-ready`), or when continuity is lost and the page table cannot repair it (`detached`).
 */
export class Engine {
  readonly #settings: EngineSettings;
  readonly #options: EngineOptions;
  readonly #gate: VersionGate;
  readonly #queue = new OperationQueue();
  readonly #watch: DatabaseWatch;
  readonly #copies = new CopyWatch();
  readonly #backoff = new Backoff();
  #lock: DatabaseLock | undefined;
  #local: LocalState | undefined;
  #attached: Attached | undefined;
  #notReady: NotReadyReason | undefined;
  /** Continuity is lost, and comparing pages will repair it when the time has come. */
  #repair: string | undefined;
  #paused: "staged-full" | "disk-full" | undefined;
  #failure: LSError | undefined;
  #closing: Promise<{ txid: TXID }> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tickQueued = false;
  #wakeQueued = false;
  // Moments of performance.now(); see PaceFacts.
  #lastLook = Number.NEGATIVE_INFINITY;
  #lastFrames = Number.NEGATIVE_INFINITY;
  #dirtySince: number | undefined;
  #lastCut = Number.NEGATIVE_INFINITY;
  #blockedUntil = 0;
  #backlog = false;
  #lastSlow = 0;
  #lastCheckpoint = 0;
  #lastTableSave = 0;
  #lastWalEvent = Number.NEGATIVE_INFINITY;
  #lastWalBytes = -1;
  #readerBlocksSince: number | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.#gate = gateVersion(options.driver.sqliteVersion);
    this.#watch = new DatabaseWatch(
      this.#settings.path,
      () => this.#wake(),
      () => this.#schedule(),
    );
  }

  /** Runs one request; waits for its turn. `signal` cancels it while it waits and, where it is long, while it runs. */
  async request<Op extends EngineOp>(op: Op, params: EngineRequests[Op]["params"], signal?: AbortSignal): Promise<EngineRequests[Op]["result"]> {
    if (op === "close") {
      // `as`: the parameters belong to the operation; the compiler does not narrow generic indexed types.
      return (await this.#close((params as EngineRequests["close"]["params"]).discard)) as EngineRequests[Op]["result"];
    }
    return this.#queue.run(async (operationSignal) => {
      try {
        // `as`: as above.
        return (await this.#handle(op, params as never, new Slicer(operationSignal))) as EngineRequests[Op]["result"];
      } finally {
        this.#schedule();
      }
    }, signal);
  }

  async #handle(op: EngineOp, params: never, slicer: Slicer): Promise<EngineRequests[EngineOp]["result"]> {
    if (this.#failure !== undefined) throw this.#failure;
    const handlers: { readonly [Op in Exclude<EngineOp, "close">]: (p: EngineRequests[Op]["params"]) => Promise<EngineRequests[Op]["result"]> } = {
      open: () => this.#open(slicer),
      putStaged: (p) => this.#opened().putStaged(p.txid, p.chunk, p.final, slicer),
      dropDamaged: async (p) => {
        if (this.#opened().position.damagedTXID === p.txid) await this.#opened().dropNewest(slicer);
        return undefined;
      },
      attach: (p) => this.#attach(p, slicer),
      sync: () => this.#sync(slicer),
      checkpoint: () => this.#checkpoint(slicer),
      probe: async () => this.#probe(),
      acknowledge: async (p) => this.#acknowledge(p.txid),
    };
    if (op === "close") throw new LSError("LS_INTERNAL", "close does not wait for its turn");
    return handlers[op](params);
  }

  // ---- requests

  async #open(slicer: Slicer): Promise<EngineOpened> {
    if (this.#local === undefined) {
      if (this.#gate.warning !== undefined) this.#warn("LS_SQLITE_TOO_OLD", this.#gate.warning);
      const { path, metaPath } = this.#settings;
      this.#notReady = whyNotReady(this.#options.driver, path);
      const meta = new MetaDirectory(metaPath, ownerOf(path));
      meta.create();
      this.#lock = DatabaseLock.acquire(this.#options.driver, meta.lockPath, meta.owner);
      meta.sweepTemp();
      this.#local = await LocalState.load(meta, slicer);
      this.#lastSlow = performance.now();
      this.#watch.start();
    }
    const { position, staged } = this.#local;
    return { position, staged: staged.unacknowledged, ...(this.#notReady === undefined ? {} : { notReady: this.#notReady }) };
  }

  async #attach(request: AttachRequest, slicer: Slicer): Promise<AttachOutcome> {
    const local = this.#opened();
    if (this.#attached !== undefined) return { kind: "attached", by: "wal", reason: "capture runs already", txid: local.txid };
    this.#notReady = whyNotReady(this.#options.driver, this.#settings.path);
    if (this.#notReady !== undefined) return { kind: "not-ready", reason: this.#notReady };
    try {
      const result = await establish(this.#context(local), request, slicer);
      if ("baseRequired" in result) return { kind: "base-required", reason: result.baseRequired };
      this.#begin(result.attached);
      return toOutcome(result, local.txid);
    } catch (error) {
      const reason = notReadyReason(error, this.#settings.path);
      if (reason === undefined) throw error;
      if (isLSError(error)) this.#warn(error.code, error.message);
      this.#notReady = reason;
      return { kind: "not-ready", reason };
    }
  }

  async #sync(slicer: Slicer): Promise<{ txid: TXID }> {
    const local = this.#opened();
    try {
      await this.#cutAll(slicer, true);
    } catch (error) {
      await this.#recover(error, slicer);
      if (this.#attached === undefined) throw this.#notAttached();
      if (!(error instanceof Doubt)) throw error;
    }
    return { txid: local.txid };
  }

  async #checkpoint(slicer: Slicer): Promise<{ walFrames: number; checkpointedFrames: number }> {
    const attached = this.#attached;
    if (attached === undefined) throw this.#notAttached();
    let end: CommittedEnd;
    for (;;) {
      const look = await attached.look("now", slicer);
      ({ end } = look);
      if (!look.cutFirst) break;
      await this.#cutAll(slicer, true);
    }
    this.#lastCheckpoint = performance.now();
    return { walFrames: end.frames, checkpointedFrames: end.backfilled };
  }

  #probe(): { txid: TXID; dirty: boolean } {
    const { txid } = this.#opened();
    const attached = this.#attached;
    if (attached === undefined) return { txid, dirty: this.#notReady === undefined };
    return { txid, dirty: attached.isDirty(attached.readEnd()) };
  }

  async #acknowledge(txid: TXID): Promise<undefined> {
    const local = this.#opened();
    local.staged.acknowledge(txid);
    local.prune();
    return undefined;
  }

  // ---- capture

  #begin(attached: Attached): void {
    this.#attached = attached;
    this.#repair = undefined;
    const now = performance.now();
    this.#lastLook = now;
    this.#lastFrames = now;
    this.#lastCut = now;
    this.#lastCheckpoint = now;
    this.#lastTableSave = now;
    this.#dirtySince = undefined;
    this.#backlog = false;
    this.#wake();
  }

  /** Ends capture and forgets the connections; what is known beside the database stays. */
  #end(): void {
    this.#attached?.close();
    this.#attached = undefined;
    this.#dirtySince = undefined;
    this.#backlog = false;
  }

  /** Something may have been committed. */
  #peek(now: number): void {
    const attached = this.#attached;
    if (attached === undefined || this.#dirtySince !== undefined) return;
    const end = attached.readEnd();
    if (!attached.isDirty(end)) return;
    this.#lastFrames = now;
    this.#markDirty(attached, now);
  }

  #markDirty(attached: Attached, now: number): void {
    if (this.#dirtySince !== undefined) return;
    this.#dirtySince = now;
    const sinceMs = Date.now();
    attached.noteDirty(sinceMs);
    this.#options.emit({ type: "dirty", sinceMs });
  }

  async #look(attached: Attached, slicer: Slicer): Promise<void> {
    const now = performance.now();
    const before = attached.framesTaken;
    const intervalDue = this.#settings.checkpointIntervalMs > 0 && now - this.#lastCheckpoint >= this.#settings.checkpointIntervalMs;
    const { cutFirst, end, checkpointed } = await attached.look(intervalDue ? "now" : "threshold", slicer);
    this.#lastLook = performance.now();
    if (checkpointed || intervalDue) this.#lastCheckpoint = this.#lastLook;
    if (attached.framesTaken !== before) this.#lastFrames = this.#lastLook;
    if (attached.isDirty(end)) this.#markDirty(attached, now);
    this.#backlog ||= cutFirst;
    this.#reportWAL(attached, end, now);
  }

  #reportWAL(attached: Attached, end: CommittedEnd, now: number): void {
    const bytes = end.frames === 0 ? 0 : frameEnd(end.frames, attached.pageSize);
    if (now - this.#lastWalEvent >= WAL_EVENT_MS && bytes !== this.#lastWalBytes) {
      this.#lastWalEvent = now;
      this.#lastWalBytes = bytes;
      this.#options.emit({ type: "wal", bytes });
    }
    if (!attached.readerBlocks || bytes <= this.#settings.maxWalBytes) {
      this.#readerBlocksSince = undefined;
    } else if (this.#readerBlocksSince === undefined) {
      this.#readerBlocksSince = now;
    } else if (now - this.#readerBlocksSince >= READER_EVENT_MS) {
      // Once for each blocking reader: the moment lies in the future until it is gone.
      this.#readerBlocksSince = Number.POSITIVE_INFINITY;
      this.#options.emit({ type: "reader-blocks-checkpoint", walBytes: bytes });
    }
  }

  /** Cuts until everything that is committed now is staged. */
  async #cutAll(slicer: Slicer, asked: boolean): Promise<void> {
    const attached = this.#attached;
    const local = this.#opened();
    if (attached === undefined) throw this.#notAttached();
    if (local.staged.unacknowledgedBytes >= this.#settings.maxStagedBytes) {
      if (this.#paused !== "staged-full") this.#pause("staged-full");
      attached.skip();
      this.#dirtySince = undefined;
      if (asked)
        throw new LSError("LS_STORAGE_UNAVAILABLE", "the destination takes no files, and as many as allowed wait locally", {
          retryable: true,
          details: { stagedBytes: local.staged.unacknowledgedBytes },
        });
      return;
    }
    if (attached.skipping) {
      this.#report(await this.#resyncAttached(attached, slicer));
    } else {
      while (await attached.cut(slicer)) if (slicer.due) await slicer.pause();
    }
    this.#cutDone();
  }

  #cutDone(): void {
    this.#lastCut = performance.now();
    this.#dirtySince = undefined;
    this.#backlog = false;
    this.#backoff.reset();
    this.#blockedUntil = 0;
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#options.emit({ type: "resumed" });
  }

  async #resyncAttached(attached: Attached, slicer: Slicer): Promise<EngineEvent> {
    const local = this.#opened();
    const outcome = await attached.resync("diff", slicer);
    local.saveTable(attached.identity, attached.cutPosition);
    return { type: "continued", by: "diff", reason: "cutting was paused", txid: local.txid, ...outcome };
  }

  #report(event: EngineEvent): void {
    this.#options.emit(event);
  }

  #pause(reason: "staged-full" | "disk-full"): void {
    this.#paused = reason;
    this.#options.emit({ type: "paused", reason, stagedBytes: this.#opened().staged.unacknowledgedBytes });
  }

  // ---- trouble

  /** Deals with what an operation threw; throws what it cannot deal with. */
  async #recover(error: unknown, slicer: Slicer): Promise<void> {
    if (error instanceof Doubt) {
      this.#repair = error.message;
      this.#end();
      await this.#tryRepair(slicer);
    } else if (isLSError(error, "LS_DISK_FULL")) {
      this.#blockedUntil = performance.now() + this.#backoff.next();
      // What is captured stays while it fits, and then one diff file takes its place.
      if (this.#attached?.mustCut === true) this.#attached.skip();
      if (this.#paused === undefined) this.#pause("disk-full");
    } else if (isLSError(error, "LS_NOT_READY") || isDamage(error)) {
      // The database is not what it was: look at it afresh.
      this.#end();
      this.#repair = undefined;
      const reason = await this.#lookAfresh();
      if (reason === undefined) this.#repair = error instanceof Error ? error.message : String(error);
    } else if (!isBusy(error)) {
      this.#blockedUntil = performance.now() + this.#backoff.next();
      this.#warn(isLSError(error) ? error.code : "LS_INTERNAL", error instanceof Error ? error.message : String(error));
    }
  }

  async #lookAfresh(): Promise<NotReadyReason | undefined> {
    const reason = notReadyNow(this.#options.driver, this.#settings.path);
    if (reason !== undefined && reason !== this.#notReady) this.#options.emit({ type: "not-ready", reason });
    this.#notReady = reason;
    return reason;
  }

  /** Continuity is lost: go on by comparing pages, if the table allows that. */
  async #tryRepair(slicer: Slicer): Promise<void> {
    const reason = this.#repair;
    if (reason === undefined) return;
    const local = this.#opened();
    if ((await this.#lookAfresh()) !== undefined) {
      this.#repair = undefined;
      return;
    }
    if (local.table === undefined || local.table.unknownPages() > 0) {
      this.#repair = undefined;
      this.#options.emit({ type: "detached", reason });
      return;
    }
    if (local.staged.unacknowledgedBytes >= this.#settings.maxStagedBytes) {
      if (this.#paused === undefined) this.#pause("staged-full");
      return;
    }
    try {
      const { attached, by, differingPages, pageCount } = await byState(this.#context(local), "diff", reason, slicer);
      this.#begin(attached);
      this.#cutDone();
      this.#options.emit({
        type: "continued",
        by,
        reason,
        txid: local.txid,
        ...(differingPages === undefined || pageCount === undefined ? {} : { differingPages, pageCount }),
      });
    } catch (error) {
      if (error instanceof Doubt || isBusy(error)) {
        this.#blockedUntil = performance.now() + this.#backoff.next();
        return;
      }
      await this.#recover(error, slicer);
    }
  }

  #fail(error: LSError): void {
    this.#failure = error;
    this.#end();
    this.#watch.stop();
    this.#options.emit({ type: "failed", code: error.code, message: error.message });
  }

  // ---- clock

  #wake(): void {
    if (this.#wakeQueued || this.#closing !== undefined) return;
    this.#wakeQueued = true;
    this.#enqueue(async (slicer) => {
      this.#wakeQueued = false;
      if (this.#attached === undefined) await this.#slow(performance.now());
      else this.#peek(performance.now());
      await this.#work(slicer);
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#local === undefined || this.#closing !== undefined || this.#failure !== undefined) return;
    const facts = this.#facts();
    const slow = this.#lastSlow + Math.max(this.#settings.monitorIntervalMs, 10);
    const due =
      this.#attached === undefined
        ? this.#repair === undefined
          ? slow
          : Math.min(slow, this.#blockedUntil)
        : Math.min(slow, nextLook(facts) ?? slow, nextCut(facts) ?? slow);
    this.#timer = setTimeout(() => this.#tick(), Math.max(0, due - facts.now));
  }

  #tick(): void {
    if (this.#tickQueued) return;
    this.#tickQueued = true;
    this.#enqueue(async (slicer) => {
      this.#tickQueued = false;
      const now = performance.now();
      if (now - this.#lastSlow >= this.#settings.monitorIntervalMs) await this.#slow(now);
      await this.#work(slicer);
    });
  }

  /** Queues background work: whatever goes wrong in it is dealt with here. */
  #enqueue(work: (slicer: Slicer) => Promise<void>): void {
    const operation = async (signal: AbortSignal): Promise<void> => {
      if (this.#failure !== undefined) return;
      const slicer = new Slicer(signal);
      try {
        await work(slicer);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, slicer);
      } finally {
        this.#schedule();
      }
    };
    // Refused only when the engine is closed, and then nothing remains to be done.
    this.#queue.run(operation).catch(() => {});
  }

  /** Looks and cuts that are due. */
  async #work(slicer: Slicer): Promise<void> {
    const attached = this.#attached;
    if (attached === undefined) {
      if (this.#repair !== undefined && performance.now() >= this.#blockedUntil) await this.#tryRepair(slicer);
      return;
    }
    const look = nextLook(this.#facts());
    if (look !== undefined && look <= performance.now()) await this.#look(attached, slicer);
    const facts = this.#facts();
    const cut = nextCut(facts);
    if (cut !== undefined && cut <= facts.now) await this.#cutAll(slicer, false);
    if (!this.#watch.active && performance.now() - this.#lastFrames >= QUIET_MS) {
      this.#watch.start();
      this.#peek(performance.now());
    }
  }

  /** What is worth doing once per `monitorIntervalMs`. */
  async #slow(now: number): Promise<void> {
    this.#lastSlow = now;
    const copies = this.#copies.changed();
    if (copies !== undefined && copies.length > 1) {
      this.#fail(secondSQLite(copies.map((copy) => copy.path)));
      return;
    }
    const attached = this.#attached;
    if (attached === undefined) {
      if (this.#notReady === undefined) return;
      if ((await this.#lookAfresh()) === undefined) this.#options.emit({ type: "ready" });
      return;
    }
    attached.checkIdentity();
    this.#peek(now);
    if (attached.skipping && this.#mayResume()) this.#markDirty(attached, now);
    const { checkpointIntervalMs } = this.#settings;
    if (checkpointIntervalMs > 0 && now - this.#lastCheckpoint >= checkpointIntervalMs) this.#lastFrames = now;
    const local = this.#opened();
    if (local.tableUnsaved && now - this.#lastTableSave >= TABLE_SAVE_MS) {
      this.#lastTableSave = now;
      local.saveTable(attached.identity, attached.cutPosition);
    }
  }

  #mayResume(): boolean {
    return this.#opened().staged.unacknowledgedBytes <= this.#settings.maxStagedBytes * RESUME_SHARE;
  }

  #facts(): PaceFacts {
    return {
      now: performance.now(),
      lastLook: this.#lastLook,
      lastFrames: this.#lastFrames,
      dirtySince: this.#dirtySince,
      lastCut: this.#lastCut,
      syncIntervalMs: this.#settings.syncIntervalMs,
      uploading: (this.#local?.staged.unacknowledgedBytes ?? 0) > 0,
      cutBlockedUntil: this.#blockedUntil,
      backlog: this.#backlog,
    };
  }

  // ---- end

  #close(discard: boolean): Promise<{ txid: TXID }> {
    // Only what runs on its own behalf is interrupted; what a caller waits for may finish.
    if (discard) this.#queue.abortRunning(new LSError("LS_NOT_OPEN", "the database is being closed"));
    this.#closing ??= this.#queue.run(async (signal) => {
      this.#queue.close();
      clearTimeout(this.#timer);
      this.#watch.stop();
      try {
        if (!discard && this.#attached !== undefined && this.#failure === undefined) await this.#lastCutAndTable(this.#attached, new Slicer(signal));
        return { txid: this.#local?.txid ?? 0n };
      } finally {
        this.#end();
        this.#lock?.release();
        this.#lock = undefined;
      }
    });
    return this.#closing;
  }

  async #lastCutAndTable(attached: Attached, slicer: Slicer): Promise<void> {
    const local = this.#opened();
    try {
      await this.#cutAll(slicer, true);
    } finally {
      if (local.tableUnsaved) local.saveTable(attached.identity, attached.cutPosition);
    }
  }

  // ---- small things

  #opened(): LocalState {
    if (this.#local === undefined) throw new LSError("LS_NOT_OPEN", "the database is not open");
    return this.#local;
  }

  #notAttached(): LSError {
    const reason = this.#notReady ?? "not-attached";
    return new LSError("LS_NOT_READY", `${this.#settings.path} cannot be replicated yet: ${reason}`, {
      retryable: true,
      details: { path: this.#settings.path, reason },
    });
  }

  #context(local: LocalState): AttachedContext {
    const { driver, emit, settings, barrierPatienceMs } = this.#options;
    return { driver, emit, settings, barrierPatienceMs, gate: this.#gate, local };
  }

  #warn(code: string, message: string): void {
    this.#options.emit({ type: "warning", code, message });
  }
}

/** Mode and owner for the meta directory: the database's, or its directory's owner while there is none. */
function ownerOf(path: string): MetaDirectory["owner"] {
  const database = statSync(path, { throwIfNoEntry: false });
  if (database !== undefined) return { mode: database.mode & 0o777, uid: database.uid, gid: database.gid };
  const directory = statSync(dirname(path), { throwIfNoEntry: false });
  return { mode: 0o600, uid: directory?.uid ?? process.getuid?.() ?? 0, gid: directory?.gid ?? process.getgid?.() ?? 0 };
}

/** SQLite's words for a file that is not the intact database it was. */
function isDamage(error: unknown): boolean {
  const code = sqliteErrorCode(error) ?? "";
  return code === "SQLITE_NOTADB" || code.startsWith("SQLITE_CORRUPT") || code.startsWith("SQLITE_IOERR") || code.startsWith("SQLITE_CANTOPEN");
}

function notReadyReason(error: unknown, path: string): NotReadyReason | undefined {
  if (isLSError(error, "LS_NOT_READY")) return error.details["reason"] === "not-wal" ? "not-wal" : "unsupported";
  if (sqliteErrorCode(error) === undefined) return undefined;
  return reasonOf(error, path);
}

function notReadyNow(driver: SQLiteDriver, path: string): NotReadyReason | undefined {
  try {
    return whyNotReady(driver, path);
  } catch (error) {
    if (isLSError(error, "LS_NOT_A_DATABASE")) return "unsupported";
    throw error;
  }
}
