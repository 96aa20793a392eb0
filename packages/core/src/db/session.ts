import { dirname } from "node:path";
import type { TXID } from "@ls/ltx";
import { unlessAborted } from "../backend-kit/unless-aborted.js";
import { atMost } from "../concurrency/at-most.js";
import { Ending } from "../concurrency/ending.js";
import { Limit } from "../concurrency/limit.js";
import { isLSError, LSError, type LSErrorCode } from "../errors.js";
import { L0_LEVEL } from "../levels.js";
import { Uploader, type UploadFailure } from "../replica/uploader.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { createEngineHost } from "../worker/host.js";
import { type AttachResult, attach } from "./attach.js";
import { AttachLoop } from "./attach-loop.js";
import { closeEngine, GRACE_MS } from "./close-engine.js";
import { claimDestination } from "./destination-claims.js";
import { type EventSink, reportOf } from "./events.js";
import { Health } from "./health.js";
import { directoryExists } from "./meta/meta-directory.js";
import type { ResolvedDBOptions } from "./options.js";
import type { EngineEvent, EngineHost, StagedFile } from "./protocol.js";
import { type SnapshotResult, storeSnapshot } from "./snapshot.js";
import type { Attachment, DBStatus, SyncStatus } from "./status.js";

/** Longest wait, when closing, for the engine to say whether something is uncut. */
const PROBE_MS = 1000;

/**
 * One run of a database's replication, from `open()` to `close()`: an engine, an uploader, and what joins them. State changes only between
 * awaits, so whatever is called at the same time finds it consistent.
 */
export class Session {
  readonly #options: ResolvedDBOptions;
  readonly #events: EventSink;
  readonly #driver: SQLiteDriver;
  #host: EngineHost;
  readonly #uploader: Uploader;
  readonly #attachLoop: AttachLoop;
  readonly #health: Health;
  /** Aborted at the end: attaching stops. */
  readonly #ended: Ending = new Ending();
  readonly #snapshots: Limit = new Limit(1);
  /** Aborted when closing begins: the last uploads need the bandwidth. */
  readonly #snapshotsEnded: Ending = new Ending();
  #releaseClaim: (() => void) | undefined;
  /** What the engine knows of the disk is no longer so: another one has to look afresh. */
  #engineIsStale = false;

  constructor(options: ResolvedDBOptions, driver: SQLiteDriver, events: EventSink) {
    this.#options = options;
    this.#events = events;
    const { settings, replica, client } = options;
    this.#driver = driver;
    this.#host = this.#createHost();
    this.#uploader = new Uploader({
      client,
      retryBaseMs: replica.syncIntervalMs,
      hooks: {
        uploaded: (file) => this.#uploaded(file),
        failed: (failure) => this.#uploadFailed(failure),
        recovered: (failures) => {
          this.#events.emit({ type: "recovered", failures });
          this.#health.recovered();
        },
        stopped: (error) => this.#uploadStopped(error),
      },
    });
    this.#attachLoop = new AttachLoop({
      path: settings.path,
      retryBaseMs: replica.syncIntervalMs,
      attempt: () => this.#attach(),
      changed: (state) => this.#attachmentChanged(state),
    });
    this.#health = new Health({
      destination: replica.client.destination,
      uploader: this.#uploader,
      attachment: () => this.#attachLoop.state,
      changed: (phase, reason) => this.#events.emit({ type: "phase", phase, reason }),
    });
  }

  #createHost(): EngineHost {
    const { settings, host, workerURL } = this.#options;
    return createEngineHost({ kind: host, settings, driver: this.#driver, workerURL }, (event) => this.#engineEvent(event));
  }

  // ---- open

  /** Resolves after the first attempt to attach, unless that failed for good: then everything is released and it rejects. */
  async open(signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      const opened = await this.#host.request("open", undefined, { signal });
      this.#releaseClaim = claimDestination(this.#options.replica.client, this.#options.settings.path);
      this.#health.localTXIDIs(opened.position.txid);
      this.#health.lifecycleIs("open");
      this.#attachLoop.start();
      while (this.#attachLoop.state.kind === "attaching" && this.#uploader.status.failure === undefined) await this.#attachLoop.nextChange(signal);
      if (this.#attachLoop.state.kind === "failed") throw this.#attachLoop.state.error;
    } catch (error) {
      // What open() failed with is what is told.
      await closeEngine(this.#host, { path: this.#options.settings.path, discard: true, deadline: AbortSignal.abort() }).catch(() => {});
      await this.#release();
      throw error;
    }
  }

  async #attach(): Promise<AttachResult> {
    await this.#uploader.pause();
    if (this.#engineIsStale) {
      // Deleted with its directory, which another engine would make again. The one that there is says when the database is back.
      if (!directoryExists(dirname(this.#options.settings.metaPath))) return { kind: "not-ready", reason: "absent" };
      await this.#replaceEngine();
    }
    const { settings, client, onDestinationAhead } = this.#options;
    const signal = this.#ended.signal;
    try {
      const result = await attach({
        path: settings.path,
        host: this.#host,
        client,
        onDestinationAhead,
        signal,
        upload: async (remoteTXID, staged) => {
          this.#uploader.start(remoteTXID, staged);
          const last = this.#uploader.pending.last;
          if (last !== undefined) await this.#uploader.waitFor(last.txid, signal);
          await this.#uploader.pause();
        },
        listed: (remote) => this.#options.observer?.listed(remote.files),
        continuingAbove: (localTXID, remoteTXID) => this.#events.emit({ type: "destination-ahead", localTXID, remoteTXID }),
      });
      if (result.kind === "attached") this.#began(result);
      return result;
    } finally {
      this.#ended.unheard();
      this.#uploader.resume();
    }
  }

  async #replaceEngine(): Promise<void> {
    // It has nothing to say any more: all that counts is on the disk.
    await closeEngine(this.#host, { path: this.#options.settings.path, discard: true, deadline: AbortSignal.abort() }).catch(() => {});
    await this.#host.dispose();
    this.#host = this.#createHost();
    this.#engineIsStale = false;
    // What hindered the one before is nothing that this one will take back.
    if (this.#health.pausedBy !== undefined) this.#engineEvent({ type: "resumed" });
  }

  #began({ outcome, localTXID, remoteTXID, staged }: Extract<AttachResult, { kind: "attached" }>): void {
    const { kind: _, ...facts } = outcome;
    this.#health.attachedAt(outcome.txid);
    this.#uploader.start(remoteTXID, staged);
    this.#events.emit({ type: "attached", ...facts });
    if (localTXID > 0n || remoteTXID === 0n) return;
    const { txid, differingPages, pageCount } = outcome;
    const differingShare = differingPages === undefined || pageCount === undefined ? undefined : differingPages / Math.max(pageCount, 1);
    this.#events.emit({ type: "adopted", remoteTXID, txid, differingPages, pageCount, differingShare });
  }

  // ---- what the application asks for

  /** Cuts what is committed now; rejects when that is not possible now. */
  async sync(signal: AbortSignal | undefined): Promise<TXID> {
    for (;;) {
      await this.#attachLoop.whenAttached(signal, false);
      const txid = await this.#cut(signal);
      if (txid !== undefined) return txid;
    }
  }

  /** Resolves when everything that is committed now is durable at the destination. */
  async syncAndWait(signal: AbortSignal | undefined): Promise<TXID> {
    for (;;) {
      await this.#attachLoop.whenAttached(signal, true);
      const txid = await this.#cutPatiently(signal);
      if (txid !== undefined && (await this.#uploader.waitFor(txid, signal))) return txid;
    }
  }

  /** Stores the whole database at level 9; holds everything that is committed now. */
  async snapshot(signal: AbortSignal | undefined): Promise<SnapshotResult> {
    const limited = AbortSignal.any(signal === undefined ? [this.#snapshotsEnded.signal] : [this.#snapshotsEnded.signal, signal]);
    return unlessAborted(
      this.#snapshots.run(() => this.#snapshot(limited)),
      limited,
    );
  }

  async #snapshot(signal: AbortSignal): Promise<SnapshotResult> {
    for (;;) {
      // What waits for the destination is uploaded before the state is held, because the WAL cannot restart under it.
      await this.syncAndWait(signal);
      try {
        const result = await storeSnapshot({
          host: this.#host,
          client: this.#options.client,
          uploadedUpTo: async (txid) => {
            if (!(await this.#uploader.waitFor(txid, signal))) throw captureEnded(this.#options.settings.path);
          },
          signal,
        });
        this.#options.observer?.stored(result.file);
        return result;
      } catch (error) {
        if (!isLSError(error, "LS_NOT_READY") || this.#attachLoop.state.kind === "attached") throw error;
        // Capture ended meanwhile: once more when it runs again.
      }
    }
  }

  async checkpoint(signal: AbortSignal | undefined): Promise<{ walFrames: number; checkpointedFrames: number }> {
    await this.#attachLoop.whenAttached(signal, false);
    return this.#host.request("checkpoint", undefined, { signal });
  }

  async syncStatus(signal: AbortSignal | undefined): Promise<SyncStatus> {
    if (this.#attachLoop.state.kind === "failed") {
      return { localTXID: this.#health.localTXID, remoteTXID: this.#uploader.status.remoteTXID, inSync: false };
    }
    const { txid, dirty } = await this.#host.request("probe", undefined, { signal });
    // An answer that nothing is uncut is newer than what was seen before.
    if (!dirty) this.#health.nothingUncut();
    const { remoteTXID } = this.#uploader.status;
    return { localTXID: txid, remoteTXID, inSync: this.#attachLoop.state.kind === "attached" && !dirty && txid <= remoteTXID };
  }

  status(): DBStatus {
    return this.#health.status();
  }

  /** @returns undefined when capture ended before the cut was made: attach again, and cut then. */
  async #cut(signal: AbortSignal | undefined): Promise<TXID | undefined> {
    try {
      const { txid } = await this.#host.request("sync", undefined, { signal });
      return txid;
    } catch (error) {
      if (isLSError(error, "LS_NOT_READY") && this.#attachLoop.state.kind !== "attached") return undefined;
      throw error;
    }
  }

  /** As {@link Session.#cut}; while as many staged files as allowed wait for the destination, it waits for one of them. */
  async #cutPatiently(signal: AbortSignal | undefined): Promise<TXID | undefined> {
    for (;;) {
      try {
        return await this.#cut(signal);
      } catch (error) {
        const oldest = this.#uploader.pending.first;
        if (this.#health.pausedBy !== "staged-full" || oldest === undefined || !isLSError(error, "LS_STORAGE_UNAVAILABLE")) throw error;
        if (!(await this.#uploader.waitFor(oldest.txid, signal))) return undefined;
      }
    }
  }

  // ---- close

  /**
   * Flushes until `deadline` aborts, then releases everything.
   * @throws LSError `LS_NOT_DURABLE` when something is not at the destination.
   */
  async close(deadline: AbortSignal): Promise<void> {
    this.#health.lifecycleIs("closing");
    this.#health.refreshPhase();
    this.#endSnapshots();
    this.#uploader.hurry();
    this.#attachLoop.hurry();
    let failure: unknown;
    let uncut = false;
    try {
      await this.syncAndWait(deadline);
    } catch (error) {
      // One that rested had nothing that is not at its destination.
      if (!wasDeletedAtRest(error)) {
        uncut = await this.#mayBeUncut();
        // A database that cannot be read yet has nothing that could be lost, unless it was read before.
        if (uncut || this.#attachLoop.state.kind !== "waiting") failure = error;
      }
    }
    try {
      const txid = await closeEngine(this.#host, { path: this.#options.settings.path, discard: failure !== undefined, deadline });
      this.#health.localTXIDIs(txid);
      if (failure === undefined && this.#uploader.started) await this.#uploader.waitFor(txid, deadline);
    } catch (error) {
      failure ??= error;
    }
    const missing = this.#firstMissing(uncut);
    await this.#release();
    if (missing !== undefined) throw notDurable(this.#options.settings.path, missing, failure);
  }

  /** Whether commits may exist that no staged file holds. */
  async #mayBeUncut(): Promise<boolean> {
    const { kind } = this.#attachLoop.state;
    if (kind !== "attached" && kind !== "waiting") return true;
    try {
      return (await unlessAborted(this.#host.request("probe", undefined), AbortSignal.timeout(PROBE_MS))).dirty;
    } catch {
      // The engine has failed, which the flush has reported already, or is in the middle of something long: nothing is known.
      return true;
    }
  }

  #firstMissing(uncut: boolean): TXID | undefined {
    return this.#uploader.pending.first?.txid ?? (uncut ? this.#health.localTXID + 1n : undefined);
  }

  #endSnapshots(): void {
    const { path } = this.#options.settings;
    this.#snapshotsEnded.abort(new LSError("LS_NOT_OPEN", `${path} is being closed`, { details: { path } }));
  }

  async #release(): Promise<void> {
    this.#health.lifecycleIs("closed");
    this.#options.observer?.ended();
    this.#ended.abort();
    this.#endSnapshots();
    const stopped = new LSError("LS_NOT_OPEN", `${this.#options.settings.path} was closed`);
    // A client that ignores its signal does not keep the database from being closed.
    await atMost(GRACE_MS, Promise.all([this.#uploader.stop(stopped), this.#attachLoop.stop()]));
    await this.#host.dispose();
    this.#releaseClaim?.();
    await this.#options.replica.client.close();
    this.#health.refreshPhase();
  }

  // ---- what happens by itself

  #engineEvent(event: EngineEvent): void {
    if (this.#health.closed) return;
    this.#health.note(event);
    switch (event.type) {
      case "staged":
        this.#staged(event.file);
        break;
      case "dirty":
      case "resting":
      case "awake":
      case "wal":
        break;
      case "ready":
        this.#attachLoop.start();
        break;
      case "not-ready":
        this.#attachLoop.wait(event.reason);
        break;
      case "detached":
        this.#events.emit(event);
        this.#attachLoop.start();
        break;
      case "told-failed":
        this.#unexpected(event);
        break;
      case "failed":
        // `as`: the engine's failures carry the code of an LSError.
        this.#fail(new LSError(event.code as LSErrorCode, event.message));
        break;
      default:
        this.#events.emit(event);
    }
    this.#health.refreshPhase();
  }

  #staged(file: StagedFile): void {
    this.#events.emit({ type: "cut", txid: file.txid, sizeBytes: file.size, pageCount: file.pageCount });
    this.#uploader.enqueue(file);
  }

  #uploaded(file: StagedFile): void {
    // While attaching, the position that is found then acknowledges. After a failure nobody keeps the files that this would free.
    if (this.#attachLoop.state.kind === "attached") this.#host.tell("acknowledge", { txid: file.txid });
    const lagMs = Math.max(0, Date.now() - file.oldestCommitMs);
    const { txid, size, timestampMs } = file;
    this.#options.observer?.stored({ level: L0_LEVEL, minTXID: txid, maxTXID: txid, size, createdAt: new Date(timestampMs) });
    this.#events.emit({ type: "uploaded", txid: file.txid, sizeBytes: file.size, pageCount: file.pageCount, lagMs });
    this.#health.refreshPhase();
  }

  /** Level 1 of the destination holds everything up to this TXID. */
  merged(txid: TXID): void {
    if (this.#attachLoop.state.kind === "attached") this.#host.tell("merged", { txid });
  }

  #uploadFailed({ file, error, failures, nextRetryMs }: UploadFailure): void {
    this.#health.failed(error);
    this.#events.emit({ type: "upload-failed", txid: file.txid, error: reportOf(error), failures, nextRetryAt: new Date(nextRetryMs) });
    this.#health.refreshPhase();
    this.#attachLoop.notify();
  }

  #uploadStopped(error: LSError): void {
    if (error.code === "LS_LTX_MISSING") {
      this.#events.emit({ type: "detached", reason: error.message });
      this.#engineIsStale = true;
      this.#attachLoop.start();
      return;
    }
    this.#fail(error);
    // Read marks are let go, so that the application's checkpoints are its own again; what is staged stays for whoever resolves this.
    this.#host.request("close", { discard: true }).catch((cause: unknown) => this.#unexpected(reportOf(cause)));
  }

  #attachmentChanged(state: Attachment): void {
    if (state.kind === "retrying") {
      this.#health.failed(state.error);
      this.#events.emit({ type: "attach-failed", error: reportOf(state.error), failures: state.failures, nextRetryAt: new Date(state.nextRetryMs) });
    } else if (state.kind === "attached") {
      this.#health.recovered();
    } else if (state.kind === "failed") {
      this.#health.failed(state.error);
      this.#options.observer?.ended();
      this.#events.emit({ type: "failed", error: reportOf(state.error) });
    }
    this.#health.refreshPhase();
  }

  #fail(error: LSError): void {
    this.#attachLoop.fail(error);
  }

  #unexpected({ code, message }: { readonly code: string; readonly message: string }): void {
    if (this.#health.ending || this.#attachLoop.state.kind === "failed") return;
    this.#events.emit({ type: "warning", code, message });
  }
}

function wasDeletedAtRest(error: unknown): boolean {
  return isLSError(error, "LS_NOT_READY") && error.details.atRest === true;
}

function captureEnded(path: string): LSError {
  return new LSError("LS_NOT_READY", `the position of ${path} was determined anew while a snapshot was being made`, { retryable: true, details: { path } });
}

function notDurable(path: string, firstMissingTXID: TXID, cause: unknown): LSError {
  return new LSError("LS_NOT_DURABLE", `${path} was closed before everything was at the destination: missing from TXID ${firstMissingTXID} on`, {
    cause,
    details: { path, firstMissingTXID },
  });
}
