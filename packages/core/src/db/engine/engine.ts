import { existsSync } from "node:fs";
import type { TXID } from "@ls/ltx";
import { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";
import { secondSQLite } from "../../sqlite/resolve.js";
import { gateVersion, type VersionGate } from "../../sqlite/version-gate.js";
import type { EngineEvent, EngineOp, EngineOpened, EngineRequests, EngineSettings } from "../protocol.js";
import type { CaptureLoop } from "./capture-loop.js";
import { Capturing } from "./capturing.js";
import { copiesNow } from "./copies-now.js";
import { Hindrance } from "./hindrance.js";
import { LocalHold } from "./local-hold.js";
import { networkWarning } from "./network-file-system.js";
import { OperationQueue } from "./operation-queue.js";
import { LOOK_MS } from "./pace.js";
import { unlessBusy, withCode } from "./request-errors.js";
import { Rest } from "./rest/rest.js";
import { Turns } from "./turns.js";
import { DatabaseWatch, VISIBLE_MS } from "./watch.js";

/** The page table goes to disk at most this often (and at close). */
const TABLE_SAVE_MS = 60_000;
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
 * Attached ↔ resting: an idle database is let go of, lock included, until something happens to its files.
 */
export class Engine {
  readonly #settings: EngineSettings;
  readonly #emit: (event: EngineEvent) => void;
  readonly #gate: VersionGate;
  readonly #queue = new OperationQueue();
  readonly #watch: DatabaseWatch;
  readonly #turns: Turns;
  readonly #hindrance: Hindrance;
  readonly #hold: LocalHold;
  readonly #capturing: Capturing;
  readonly #rest: Rest;
  /** How often the database is looked at whatever the watch says, ms. */
  readonly #pollMs: number;
  #failure: LSError | undefined;
  #closing: Promise<{ txid: TXID }> | undefined;
  /** A moment of performance.now(). */
  #lastPoll = 0;

  constructor({ settings, driver, emit, barrierPatienceMs }: EngineOptions) {
    this.#settings = settings;
    this.#emit = emit;
    this.#pollMs = settings.monitorIntervalMs || NET_POLL_MS;
    this.#gate = gateVersion(driver.sqliteVersion);
    this.#hold = new LocalHold(settings, driver);
    this.#hindrance = new Hindrance(settings, emit, () => this.#hold.known?.staged.unacknowledgedBytes ?? 0);
    this.#watch = new DatabaseWatch(settings.path, {
      onBegin: () => (this.#rest.resting ? this.#rest.heard() : VISIBLE_MS),
      onWake: () => {
        if (!this.#rest.isWanted) this.#turns.wake();
      },
      onBusy: () => this.#turns.schedule(),
    });
    this.#turns = new Turns(this.#queue, {
      nextDue: () => this.#nextDue(),
      work: (woken, slicer) => this.#work(woken, slicer),
      recover: async (error, slicer) => {
        if (this.#failure === undefined) await this.#capturing.recover(error, slicer);
      },
    });
    this.#capturing = new Capturing({
      settings,
      driver,
      gate: this.#gate,
      emit,
      barrierPatienceMs,
      hindrance: this.#hindrance,
      local: () => this.#hold.state,
      begun: () => {
        this.#rest.rose();
        this.#turns.wake();
      },
      ended: () => this.#rest.fell(),
    });
    this.#rest = new Rest({
      settings,
      driver,
      hold: this.#hold,
      capturing: this.#capturing,
      hindrance: this.#hindrance,
      watch: this.#watch,
      emit,
      pollMs: this.#pollMs,
      turn: () => this.#turns.wake(),
      checkCopies: () => this.#checkCopies(performance.now()),
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
        const handler = Engine.#HANDLERS[op as Exclude<EngineOp, "close">];
        return (await handler(this, params as never, new Slicer(operationSignal))) as Result;
      } catch (error) {
        throw operationSignal.aborted ? operationSignal.reason : withCode(error);
      } finally {
        this.#turns.schedule();
      }
    }, signal);
  }

  /** One table for all engines. */
  static readonly #HANDLERS: {
    readonly [Op in Exclude<EngineOp, "close">]: (
      engine: Engine,
      params: EngineRequests[Op]["params"],
      slicer: Slicer,
    ) => Promise<EngineRequests[Op]["result"]>;
  } = {
    open: (engine, _, slicer) => engine.#open(slicer),
    putStaged: (engine, { txid, chunk, final }, slicer) => engine.#hold.state.putStaged(txid, chunk, final, slicer),
    dropDamaged: async (engine, { txid }, slicer) => {
      const { state } = engine.#hold;
      if (state.position.damagedTXID === txid) await state.dropNewest(slicer);
      return undefined;
    },
    attach: async (engine, request, slicer) => {
      await engine.#rest.rise(slicer);
      return engine.#rest.inRoom(slicer, () => engine.#capturing.attach(request, slicer));
    },
    sync: async (engine, _, slicer) => {
      // Whoever rests untouched has everything staged and acknowledged.
      if (!engine.#rest.isUntouched()) await engine.#awake(slicer, (loop) => engine.#capturing.cutAll(loop, slicer));
      return { txid: engine.#hold.state.txid };
    },
    checkpoint: (engine, _, slicer) => engine.#awake(slicer, (loop) => engine.#checkpoint(loop, slicer)),
    probe: (engine, _, slicer) => unlessBusy(slicer, async () => engine.#probe()),
    acknowledge: async (engine, { txid }) => engine.#acknowledge(txid),
    merged: async (engine, { txid }, slicer) => {
      if (!engine.#rest.away) await engine.#hold.known?.merged(txid, slicer);
      return undefined;
    },
    snapshotOpen: (engine, _, slicer) => engine.#awake(slicer, (loop) => engine.#openSnapshot(loop, slicer)),
    snapshotRead: async (engine, _, slicer) => ({ chunk: await engine.#capturing.running().attached.snapshot.read(slicer) }),
    snapshotClose: async (engine) => {
      engine.#capturing.loop?.attached.snapshot.close();
      return undefined;
    },
  };

  // ---- requests

  async #open(slicer: Slicer): Promise<EngineOpened> {
    await this.#rest.rise(slicer);
    if (this.#hold.known === undefined) {
      if (this.#gate.warning !== undefined) this.#emit({ type: "warning", code: "LS_SQLITE_TOO_OLD", message: this.#gate.warning });
      const network = networkWarning(this.#settings.path);
      if (network !== undefined) this.#emit({ type: "warning", code: "LS_NETWORK_FILE_SYSTEM", message: network });
      this.#capturing.look();
      await this.#hold.open(slicer);
      this.#lastPoll = performance.now();
      this.#watch.start();
    } else if (this.#hold.isLost && existsSync(this.#settings.path)) {
      this.#capturing.end();
      await this.#hold.reopen(slicer);
    }
    const { position, staged } = this.#hold.state;
    const { notReady } = this.#capturing;
    return { position, staged: staged.unacknowledged, ...(notReady === undefined ? {} : { notReady }) };
  }

  /** Runs work on the attachment; a database that rests is taken up first. */
  #awake<T>(slicer: Slicer, work: (loop: CaptureLoop) => Promise<T>): Promise<T> {
    return unlessBusy(slicer, async () => {
      await this.#rest.wake(slicer);
      this.#checkHold();
      await this.#capturing.repairSoon(slicer);
      return this.#capturing.despiteDoubt(slicer, work);
    });
  }

  async #checkpoint(loop: CaptureLoop, slicer: Slicer): Promise<{ walFrames: number; checkpointedFrames: number }> {
    for (;;) {
      const { cutFirst, end } = await loop.attached.look("now", slicer);
      if (!cutFirst) return { walFrames: end.frames, checkpointedFrames: end.backfilled };
      await this.#capturing.cutAll(loop, slicer);
    }
  }

  async #openSnapshot(loop: CaptureLoop, slicer: Slicer): Promise<{ txid: TXID }> {
    if (loop.attached.skipping || this.#hindrance.stagedFull) await this.#capturing.cutAll(loop, slicer);
    const before = this.#hold.state.txid;
    const txid = await loop.attached.snapshot.open(slicer);
    if (txid > before) {
      loop.cutDone(performance.now());
      this.#hindrance.succeeded();
    }
    return { txid };
  }

  #probe(): EngineRequests["probe"]["result"] {
    const { txid } = this.#hold.state;
    if (this.#rest.resting) {
      const dirty = !this.#rest.isUntouched();
      if (dirty) this.#turns.wake();
      return { txid, dirty };
    }
    const attached = this.#capturing.loop?.attached;
    if (attached !== undefined) return { txid, dirty: attached.isDirty(attached.readEnd()) };
    const notReady = this.#capturing.lookAfresh();
    return { txid, dirty: notReady === undefined || this.#capturing.leftUncut, ...(notReady === undefined ? {} : { notReady }) };
  }

  #acknowledge(txid: TXID): undefined {
    // The lock goes only when everything is acknowledged.
    if (this.#rest.away) return undefined;
    const local = this.#hold.state;
    local.staged.acknowledge(txid);
    local.prune();
    this.#rest.acknowledged();
    if (this.#hindrance.paused === "staged-full" && !this.#hindrance.stagedFull) {
      this.#hindrance.retryNow();
      this.#capturing.loop?.markDirty(performance.now());
    }
    return undefined;
  }

  #fail(error: LSError): void {
    this.#failure = error;
    this.#rest.forget();
    this.#capturing.end();
    this.#watch.stop();
    this.#emit({ type: "failed", code: error.code, message: error.message });
  }

  /** Two SQLite copies in the process drop each other's locks: the engine ends. @throws LSError `LS_SECOND_SQLITE` */
  #checkCopies(now: number): void {
    const copies = copiesNow(now);
    if (copies.length <= 1) return;
    const error = secondSQLite(copies.map((copy) => copy.path));
    this.#fail(error);
    throw error;
  }

  /** Without its meta directory nothing can be staged, and nobody is kept out: attaching begins anew, in the one that is there by then. */
  #checkHold(): void {
    if (this.#hold.isLost) this.#capturing.giveUp("the meta directory was deleted");
  }

  // ---- clock

  /** When something is due. */
  #nextDue(): number | undefined {
    if (this.#hold.known === undefined || this.#failure !== undefined) return undefined;
    const now = performance.now();
    const rest = this.#rest.nextDue(now);
    if (this.#rest.resting) return rest;
    return Math.min(this.#lastPoll + this.#pollMs, this.#nextWork(now) ?? Number.POSITIVE_INFINITY, rest ?? Number.POSITIVE_INFINITY);
  }

  /** When something is due before the next poll. */
  #nextWork(now: number): number | undefined {
    const { loop, nextRepair } = this.#capturing;
    if (loop === undefined) return nextRepair;
    if (!loop.tableComplete) return Math.max(now, this.#hindrance.cutsBlockedUntil);
    const look = this.#nextLook(loop, now) ?? Number.POSITIVE_INFINITY;
    return Math.min(look, this.#nextCut(loop, now) ?? Number.POSITIVE_INFINITY);
  }

  #nextLook(loop: CaptureLoop, now: number): number | undefined {
    const look = loop.nextLook(now);
    return look === undefined ? undefined : Math.max(look, this.#hindrance.looksBlockedUntil);
  }

  #nextCut(loop: CaptureLoop, now: number): number | undefined {
    return loop.nextCut(now, this.#hold.state.staged.unacknowledgedBytes > 0, this.#hindrance.cutsBlockedUntil);
  }

  /** Does what is due. */
  async #work(woken: boolean, slicer: Slicer): Promise<void> {
    if (this.#failure !== undefined) return;
    if (this.#rest.resting) return this.#rest.turn(slicer);
    const capturing = this.#capturing;
    if (performance.now() >= this.#lastPoll + this.#pollMs || (woken && capturing.loop === undefined)) this.#poll(performance.now());
    const { loop } = capturing;
    if (woken) loop?.peek(performance.now());
    if (loop === undefined) {
      if (capturing.nextRepair !== undefined && performance.now() >= capturing.nextRepair) await capturing.repair(slicer);
      return;
    }
    const look = this.#nextLook(loop, performance.now());
    if (look !== undefined && look <= performance.now()) {
      await loop.look(slicer);
      // No cut can be made for a while, and the read mark must not wait for it: one diff file will take the place of what is captured.
      if (loop.attached.mustCut && this.#hindrance.cutsBlockedUntil > performance.now() + LOOK_MS) loop.attached.skip();
    }
    const cut = this.#nextCut(loop, performance.now());
    if (cut !== undefined && cut <= performance.now()) await capturing.cutAll(loop, slicer);
    if (!loop.tableComplete) {
      loop.tableComplete = await loop.attached.buildTable(slicer);
      if (loop.attached.mustCut) await capturing.cutAll(loop, slicer);
    }
    if (!this.#watch.active && loop.quiet(performance.now())) {
      this.#watch.start();
      // What happened before the watch was there.
      loop.peek(performance.now());
    }
    await this.#rest.step(loop, slicer);
  }

  /** What is worth looking at once per `monitorIntervalMs`, and finds everything that a watch misses. */
  #poll(now: number): void {
    this.#lastPoll = now;
    this.#checkCopies(now);
    this.#checkHold();
    const { loop, notReady } = this.#capturing;
    if (loop === undefined) {
      this.#watch.start();
      if (notReady !== undefined && this.#capturing.lookAfresh() === undefined) this.#emit({ type: "ready" });
      return;
    }
    const { attached } = loop;
    attached.checkIdentity();
    attached.checkLength();
    attached.snapshot.closeIdle(now);
    loop.peek(now);
    if (attached.skipping && !this.#hindrance.stagedFull) loop.markDirty(now);
    const local = this.#hold.state;
    if (!local.isSavedFor(attached.identity) && now - loop.lastTableSave >= TABLE_SAVE_MS) {
      loop.lastTableSave = now;
      local.saveTable(attached.identity, attached.cutPosition);
      if (this.#hindrance.paused === "disk-full") this.#hindrance.succeeded();
    }
    this.#prune(() => local.prune());
  }

  /** Deletes what is of no use any more. That this fails hinders nothing. */
  #prune(prune: () => void): void {
    try {
      prune();
    } catch (error) {
      this.#hindrance.warn(error);
    }
  }

  // ---- end

  #close({ discard }: { readonly discard: boolean }): Promise<{ txid: TXID }> {
    if (discard) this.#queue.abortRunning(new LSError("LS_NOT_OPEN", "the database is being closed"));
    if (this.#closing !== undefined) {
      const txid = (): { txid: TXID } => ({ txid: this.#hold.known?.txid ?? 0n });
      return discard ? this.#closing.catch(txid) : this.#closing;
    }
    this.#closing = this.#queue.run(async (signal) => {
      this.#queue.close();
      this.#turns.stop();
      this.#watch.stop();
      try {
        if (!discard) await this.#finish(new Slicer(signal));
        return { txid: this.#hold.known?.txid ?? 0n };
      } finally {
        try {
          this.#rest.forget();
          this.#capturing.end();
        } finally {
          this.#watch.stop();
          this.#hold.release();
        }
      }
    });
    return this.#closing;
  }

  /** Last cut and page table. */
  async #finish(slicer: Slicer): Promise<void> {
    if (this.#rest.resting && !this.#rest.isUntouched()) await this.#rest.wake(slicer);
    const { loop } = this.#capturing;
    if (loop === undefined) return;
    try {
      await this.#capturing.cutAll(loop, slicer);
    } finally {
      this.#saveLastTable(loop);
      this.#prune(() => this.#hold.state.leaveFewCopies());
    }
  }

  #saveLastTable({ attached }: CaptureLoop): void {
    const local = this.#hold.state;
    if (!local.tableUnsaved) return;
    try {
      local.saveTable(attached.identity, attached.cutPosition);
    } catch (error) {
      // Nothing is lost without it: the next start has more to read.
      this.#hindrance.warn(error);
    }
  }
}
