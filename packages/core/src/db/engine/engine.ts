import type { TXID } from "@ls/ltx";
import { isLSError, LSError } from "../../errors.js";
import { isBusy, type SQLiteDriver } from "../../sqlite/driver.js";
import { secondSQLite } from "../../sqlite/resolve.js";
import { gateVersion, type VersionGate } from "../../sqlite/version-gate.js";
import { DatabaseLock } from "../meta/lock.js";
import { MetaDirectory } from "../meta/meta-directory.js";
import type { AttachOutcome, AttachRequest, EngineEvent, EngineOp, EngineOpened, EngineRequests, EngineSettings, NotReadyReason } from "../protocol.js";
import type { AttachedContext } from "./attached.js";
import { CaptureLoop } from "./capture-loop.js";
import { copiesNow } from "./copies-now.js";
import { Doubt } from "./doubt.js";
import { byState, type Established, establish } from "./establish.js";
import { Hindrance } from "./hindrance.js";
import { LocalState } from "./local-state.js";
import { OperationQueue } from "./operation-queue.js";
import { LOOK_MS } from "./pace.js";
import { isDamage, ownerOf, reasonFor, whyNotReady } from "./readiness.js";
import { unlessBusy, withCode } from "./request-errors.js";
import { Slicer } from "./slicer.js";
import { Turns } from "./turns.js";
import { DatabaseWatch } from "./watch.js";

/** The page table goes to disk at most this often (and at close). */
const TABLE_SAVE_MS = 60_000;
/** Attempts to attach while files are being exchanged under us. */
const ATTACH_ATTEMPTS = 3;
/** With `monitorIntervalMs: 0` notifications are relied on, and this is only the net below them. */
const NET_POLL_MS = 60_000;

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
  readonly #driver: SQLiteDriver;
  readonly #emit: (event: EngineEvent) => void;
  readonly #barrierPatienceMs: number;
  readonly #gate: VersionGate;
  readonly #queue = new OperationQueue();
  readonly #watch: DatabaseWatch;
  readonly #turns: Turns;
  readonly #hindrance: Hindrance;
  #lock: DatabaseLock | undefined;
  #local: LocalState | undefined;
  #loop: CaptureLoop | undefined;
  #notReady: NotReadyReason | undefined;
  /** Why continuity is lost, until comparing pages has repaired it. */
  #repair: string | undefined;
  #tableComplete = false;
  #failure: LSError | undefined;
  #closing: Promise<{ txid: TXID }> | undefined;
  // Moments of performance.now().
  #lastPoll = 0;
  #lastTableSave = 0;

  constructor({ settings, driver, emit, barrierPatienceMs }: EngineOptions) {
    this.#settings = settings;
    this.#driver = driver;
    this.#emit = emit;
    this.#barrierPatienceMs = barrierPatienceMs;
    this.#hindrance = new Hindrance(settings, emit, () => this.#local?.staged.unacknowledgedBytes ?? 0);
    this.#gate = gateVersion(driver.sqliteVersion);
    this.#watch = new DatabaseWatch(
      settings.path,
      () => this.#turns.wake(),
      () => this.#turns.schedule(),
    );
    this.#turns = new Turns(this.#queue, {
      nextDue: () => this.#nextDue(),
      work: (woken, slicer) => this.#work(woken, slicer),
      recover: (error, slicer) => this.#recover(error, slicer),
    });
  }

  /** Runs one request; waits for its turn. `signal` cancels it while it waits and, where it is long, while it runs. */
  async request<Op extends EngineOp>(op: Op, params: EngineRequests[Op]["params"], signal?: AbortSignal): Promise<EngineRequests[Op]["result"]> {
    // `as` (here and below): the compiler does not narrow an indexed type by its generic index.
    type Result = EngineRequests[Op]["result"];
    if (op === "close") return (await this.#close(params as EngineRequests["close"]["params"])) as Result;
    return this.#queue.run(async (operationSignal) => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        const handler = this.#handlers[op as Exclude<EngineOp, "close">];
        return (await handler(params as never, new Slicer(operationSignal))) as Result;
      } catch (error) {
        throw operationSignal.aborted ? operationSignal.reason : withCode(error);
      } finally {
        this.#turns.schedule();
      }
    }, signal);
  }

  readonly #handlers: {
    readonly [Op in Exclude<EngineOp, "close">]: (params: EngineRequests[Op]["params"], slicer: Slicer) => Promise<EngineRequests[Op]["result"]>;
  } = {
    open: (_, slicer) => this.#open(slicer),
    putStaged: ({ txid, chunk, final }, slicer) => this.#opened().putStaged(txid, chunk, final, slicer),
    dropDamaged: async ({ txid }, slicer) => {
      if (this.#opened().position.damagedTXID === txid) await this.#opened().dropNewest(slicer);
      return undefined;
    },
    attach: (request, slicer) => this.#attach(request, slicer),
    sync: (_, slicer) => unlessBusy(slicer, () => this.#despiteDoubt(slicer, (loop) => this.#sync(loop, slicer))),
    checkpoint: (_, slicer) => unlessBusy(slicer, () => this.#despiteDoubt(slicer, (loop) => this.#checkpoint(loop, slicer))),
    probe: (_, slicer) => unlessBusy(slicer, async () => this.#probe()),
    acknowledge: async ({ txid }) => this.#acknowledge(txid),
    snapshotOpen: (_, slicer) => unlessBusy(slicer, () => this.#despiteDoubt(slicer, (loop) => this.#openSnapshot(loop, slicer))),
    snapshotRead: async (_, slicer) => ({ chunk: await this.#attachedLoop().attached.readSnapshot(slicer) }),
    snapshotClose: async () => {
      this.#loop?.attached.closeSnapshot();
      return undefined;
    },
  };

  // ---- requests

  async #open(slicer: Slicer): Promise<EngineOpened> {
    if (this.#local === undefined) {
      if (this.#gate.warning !== undefined) this.#emit({ type: "warning", code: "LS_SQLITE_TOO_OLD", message: this.#gate.warning });
      const { path, metaPath } = this.#settings;
      this.#notReady = whyNotReady(this.#driver, path);
      const meta = new MetaDirectory(metaPath, ownerOf(path));
      meta.create();
      this.#lock ??= DatabaseLock.acquire(this.#driver, meta.lockPath, meta.owner);
      meta.sweepTemp();
      this.#local = await LocalState.load(meta, slicer);
      this.#lastPoll = performance.now();
      this.#watch.start();
    }
    const { position, staged } = this.#local;
    return { position, staged: staged.unacknowledged, ...(this.#notReady === undefined ? {} : { notReady: this.#notReady }) };
  }

  async #attach(request: AttachRequest, slicer: Slicer): Promise<AttachOutcome> {
    const local = this.#opened();
    // Asked for while attached: something is wrong with what was staged, so start from what the disk holds.
    this.#end();
    local.staged.reload();
    this.#repair = undefined;
    this.#notReady = whyNotReady(this.#driver, this.#settings.path);
    if (this.#notReady !== undefined) return { kind: "not-ready", reason: this.#notReady };
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await establish(this.#context(local), request, slicer);
        if ("baseRequired" in result) return { kind: "base-required", reason: result.baseRequired };
        this.#begin(result);
        return { kind: "attached", by: result.by, reason: result.reason, txid: local.txid, ...result.outcome };
      } catch (error) {
        if (error instanceof Doubt && attempt < ATTACH_ATTEMPTS) continue;
        const reason = reasonFor(error, this.#settings.path);
        if (reason === undefined) throw error;
        if (isLSError(error)) this.#hindrance.warn(error);
        this.#notReady = reason;
        return { kind: "not-ready", reason };
      }
    }
  }

  async #sync(loop: CaptureLoop, slicer: Slicer): Promise<{ txid: TXID }> {
    await this.#cutAll(loop, slicer);
    return { txid: this.#opened().txid };
  }

  async #checkpoint(loop: CaptureLoop, slicer: Slicer): Promise<{ walFrames: number; checkpointedFrames: number }> {
    for (;;) {
      const { cutFirst, end } = await loop.attached.look("now", slicer);
      if (!cutFirst) return { walFrames: end.frames, checkpointedFrames: end.backfilled };
      await this.#cutAll(loop, slicer);
    }
  }

  async #openSnapshot(loop: CaptureLoop, slicer: Slicer): Promise<{ txid: TXID }> {
    const local = this.#opened();
    if (loop.attached.skipping || this.#hindrance.stagedFull) await this.#cutAll(loop, slicer);
    const before = local.txid;
    const txid = await loop.attached.openSnapshot(slicer);
    if (txid > before) {
      loop.cutDone(performance.now());
      this.#hindrance.succeeded();
    }
    return { txid };
  }

  /** Runs a request on the attachment; when continuity turns out to be lost, once more after the repair. */
  async #despiteDoubt<T>(slicer: Slicer, work: (loop: CaptureLoop) => Promise<T>): Promise<T> {
    const loop = this.#attachedLoop();
    try {
      return await work(loop);
    } catch (error) {
      // A caller that gave up is no trouble.
      if (slicer.aborted) throw error;
      await this.#recover(error, slicer);
      if (!(error instanceof Doubt)) throw error;
    }
    return work(this.#attachedLoop());
  }

  #probe(): EngineRequests["probe"]["result"] {
    const { txid } = this.#opened();
    const attached = this.#loop?.attached;
    if (attached !== undefined) return { txid, dirty: attached.isDirty(attached.readEnd()) };
    const notReady = this.#lookAfresh();
    return { txid, dirty: notReady === undefined, ...(notReady === undefined ? {} : { notReady }) };
  }

  #acknowledge(txid: TXID): undefined {
    const local = this.#opened();
    local.staged.acknowledge(txid);
    local.prune();
    if (this.#hindrance.paused === "staged-full" && !this.#hindrance.stagedFull) {
      this.#hindrance.retryNow();
      this.#loop?.markDirty(performance.now());
    }
    return undefined;
  }

  // ---- capture

  #begin({ attached }: Established): void {
    const now = performance.now();
    this.#loop = new CaptureLoop(attached, this.#settings, this.#emit, now);
    this.#repair = undefined;
    this.#tableComplete = false;
    this.#lastTableSave = now;
    this.#hindrance.succeeded();
    this.#turns.wake();
  }

  /** Ends capture and closes the connections; what is known beside the database stays. */
  #end(): void {
    const loop = this.#loop;
    this.#loop = undefined;
    loop?.attached.close();
  }

  /**
   * Cuts until everything that is committed now is staged.
   * @throws LSError `LS_STORAGE_UNAVAILABLE` when as many staged files as allowed wait for the destination.
   */
  async #cutAll(loop: CaptureLoop, slicer: Slicer): Promise<void> {
    const { attached } = loop;
    const local = this.#opened();
    if (this.#hindrance.stagedFull) {
      attached.skip();
      loop.cutDone(performance.now());
      this.#hindrance.pause("staged-full");
      const stagedBytes = local.staged.unacknowledgedBytes;
      throw new LSError("LS_STORAGE_UNAVAILABLE", "the destination takes no files, and as many as allowed wait locally", {
        retryable: true,
        details: { stagedBytes },
      });
    }
    if (attached.skipping) {
      const outcome = await attached.resync("diff", slicer);
      local.saveTable(attached.identity, attached.cutPosition);
      this.#emit({ type: "continued", by: "diff", reason: "cutting was paused", txid: local.txid, ...outcome });
    } else {
      while (await attached.cut(slicer)) if (slicer.due) await slicer.pause();
    }
    loop.cutDone(performance.now());
    this.#hindrance.succeeded();
  }

  // ---- trouble

  /** Deals with what an operation threw. */
  async #recover(error: unknown, slicer: Slicer): Promise<void> {
    if (error instanceof Doubt) {
      this.#end();
      this.#repair = error.message;
      await this.#tryRepair(slicer);
      return;
    }
    if (isLSError(error, "LS_NOT_READY") || isDamage(error)) {
      // The database is not what it was: look at it afresh.
      this.#end();
      this.#repair = error instanceof Error ? error.message : String(error);
      this.#hindrance.backOff();
      this.#lookAfresh();
      return;
    }
    if (this.#hindrance.paused === "staged-full" && isLSError(error, "LS_STORAGE_UNAVAILABLE")) return;
    if (isBusy(error)) {
      this.#hindrance.waitForLock();
      return;
    }
    const diskFull = isLSError(error, "LS_DISK_FULL");
    if (diskFull || isLSError(error, "LS_STORAGE_DENIED") || isLSError(error, "LS_STORAGE_UNAVAILABLE")) {
      // The meta directory takes no files: read marks and checkpoints go on, or the application's WAL would grow without end.
      this.#hindrance.backOff();
      // What is captured stays while there is room for it; then one diff file takes its place.
      if (this.#loop?.attached.mustCut === true) this.#loop.attached.skip();
      if (diskFull) this.#hindrance.pause("disk-full");
      else this.#hindrance.warn(error);
      return;
    }
    this.#hindrance.backOffAll();
    this.#hindrance.warn(error);
  }

  /** Continuity is lost: go on by comparing pages, if the table allows that. */
  async #tryRepair(slicer: Slicer): Promise<void> {
    const reason = this.#repair;
    if (reason === undefined || this.#lookAfresh() !== undefined) return;
    const local = this.#opened();
    if (local.table?.unknownPages() !== 0) {
      this.#repair = undefined;
      this.#emit({ type: "detached", reason });
      return;
    }
    if (this.#hindrance.stagedFull) {
      this.#hindrance.backOff();
      this.#hindrance.pause("staged-full");
      return;
    }
    try {
      const result = await byState(this.#context(local), "diff", reason, slicer);
      this.#begin(result);
      this.#emit({ type: "continued", by: result.by, reason, txid: local.txid, ...result.outcome });
    } catch (error) {
      if (error instanceof Doubt || isBusy(error)) this.#hindrance.backOff();
      else await this.#recover(error, slicer);
    }
  }

  /** Says so when the database cannot be replicated now; a repair is then pointless, and an `attach` follows. */
  #lookAfresh(): NotReadyReason | undefined {
    let reason: NotReadyReason | undefined;
    try {
      reason = whyNotReady(this.#driver, this.#settings.path);
    } catch (error) {
      if (!isLSError(error, "LS_NOT_A_DATABASE")) this.#hindrance.warn(error);
      reason = "unsupported";
    }
    if (reason !== undefined) {
      this.#repair = undefined;
      if (reason !== this.#notReady) this.#emit({ type: "not-ready", reason });
    }
    this.#notReady = reason;
    return reason;
  }

  #fail(error: LSError): void {
    this.#failure = error;
    this.#end();
    this.#watch.stop();
    this.#emit({ type: "failed", code: error.code, message: error.message });
  }

  // ---- clock

  /** When something is due. */
  #nextDue(): number | undefined {
    if (this.#local === undefined || this.#failure !== undefined) return undefined;
    return Math.min(this.#nextPoll(), this.#nextWork(performance.now()) ?? Number.POSITIVE_INFINITY);
  }

  #nextPoll(): number {
    return this.#lastPoll + (this.#settings.monitorIntervalMs || NET_POLL_MS);
  }

  /** When something is due before the next poll. */
  #nextWork(now: number): number | undefined {
    const loop = this.#loop;
    if (loop === undefined) return this.#repair === undefined ? undefined : this.#hindrance.cutsBlockedUntil;
    if (!this.#tableComplete) return Math.max(now, this.#hindrance.cutsBlockedUntil);
    const look = this.#nextLook(loop, now) ?? Number.POSITIVE_INFINITY;
    return Math.min(look, this.#nextCut(loop, now) ?? Number.POSITIVE_INFINITY);
  }

  #nextLook(loop: CaptureLoop, now: number): number | undefined {
    const look = loop.nextLook(now);
    return look === undefined ? undefined : Math.max(look, this.#hindrance.looksBlockedUntil);
  }

  #nextCut(loop: CaptureLoop, now: number): number | undefined {
    return loop.nextCut(now, this.#opened().staged.unacknowledgedBytes > 0, this.#hindrance.cutsBlockedUntil);
  }

  /** Does what is due. */
  async #work(woken: boolean, slicer: Slicer): Promise<void> {
    if (this.#failure !== undefined) return;
    if (performance.now() >= this.#nextPoll() || (woken && this.#loop === undefined)) this.#poll(performance.now());
    const loop = this.#loop;
    if (woken) loop?.peek(performance.now());
    if (loop === undefined) {
      if (this.#repair !== undefined && performance.now() >= this.#hindrance.cutsBlockedUntil) await this.#tryRepair(slicer);
      return;
    }
    const look = this.#nextLook(loop, performance.now());
    if (look !== undefined && look <= performance.now()) {
      await loop.look(slicer);
      // No cut can be made for a while, and the read mark must not wait for it: one diff file will take the place of what is captured.
      if (loop.attached.mustCut && this.#hindrance.cutsBlockedUntil > performance.now() + LOOK_MS) loop.attached.skip();
    }
    const cut = this.#nextCut(loop, performance.now());
    if (cut !== undefined && cut <= performance.now()) await this.#cutAll(loop, slicer);
    if (!this.#tableComplete) {
      this.#tableComplete = await loop.attached.buildTable(slicer);
      if (loop.attached.mustCut) await this.#cutAll(loop, slicer);
    }
    if (!this.#watch.active && loop.quiet(performance.now())) {
      this.#watch.start();
      // What happened before the watch was there.
      loop.peek(performance.now());
    }
  }

  /** What is worth looking at once per `monitorIntervalMs`, and finds everything that a watch misses. */
  #poll(now: number): void {
    this.#lastPoll = now;
    const copies = copiesNow(now);
    if (copies.length > 1) {
      this.#fail(secondSQLite(copies.map((copy) => copy.path)));
      return;
    }
    const loop = this.#loop;
    if (loop === undefined) {
      this.#watch.start();
      if (this.#notReady !== undefined && this.#lookAfresh() === undefined) this.#emit({ type: "ready" });
      return;
    }
    const { attached } = loop;
    attached.checkIdentity();
    attached.checkLength();
    attached.closeIdleSnapshot(now);
    loop.peek(now);
    if (attached.skipping && !this.#hindrance.stagedFull) loop.markDirty(now);
    const local = this.#opened();
    if (local.tableUnsaved && now - this.#lastTableSave >= TABLE_SAVE_MS) {
      this.#lastTableSave = now;
      local.saveTable(attached.identity, attached.cutPosition);
      if (this.#hindrance.paused === "disk-full") this.#hindrance.succeeded();
    }
  }

  // ---- end

  #close({ discard }: { readonly discard: boolean }): Promise<{ txid: TXID }> {
    if (discard) this.#queue.abortRunning(new LSError("LS_NOT_OPEN", "the database is being closed"));
    if (this.#closing !== undefined) {
      const txid = (): { txid: TXID } => ({ txid: this.#local?.txid ?? 0n });
      return discard ? this.#closing.catch(txid) : this.#closing;
    }
    this.#closing = this.#queue.run(async (signal) => {
      this.#queue.close();
      this.#turns.stop();
      this.#watch.stop();
      try {
        if (!discard && this.#loop !== undefined) await this.#finish(this.#loop, new Slicer(signal));
        return { txid: this.#local?.txid ?? 0n };
      } finally {
        try {
          this.#end();
        } finally {
          this.#lock?.release();
          this.#lock = undefined;
        }
      }
    });
    return this.#closing;
  }

  /** Last cut and page table. */
  async #finish(loop: CaptureLoop, slicer: Slicer): Promise<void> {
    try {
      await this.#cutAll(loop, slicer);
    } finally {
      this.#saveLastTable(loop);
    }
  }

  #saveLastTable({ attached }: CaptureLoop): void {
    const local = this.#opened();
    if (!local.tableUnsaved) return;
    try {
      local.saveTable(attached.identity, attached.cutPosition);
    } catch (error) {
      // Nothing is lost without it: the next start has more to read.
      this.#hindrance.warn(error);
    }
  }

  // ---- small things

  #opened(): LocalState {
    if (this.#local === undefined) throw new LSError("LS_NOT_OPEN", "the database is not open");
    return this.#local;
  }

  #attachedLoop(): CaptureLoop {
    if (this.#loop !== undefined) return this.#loop;
    const { path } = this.#settings;
    const reason = this.#notReady ?? "not-attached";
    throw new LSError("LS_NOT_READY", `${path} cannot be replicated yet: ${reason}`, { retryable: true, details: { path, reason } });
  }

  #context(local: LocalState): AttachedContext {
    return { local, driver: this.#driver, gate: this.#gate, settings: this.#settings, emit: this.#emit, barrierPatienceMs: this.#barrierPatienceMs };
  }
}
