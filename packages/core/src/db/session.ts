import type { TXID } from "@ls/ltx";
import { atMost } from "../concurrency/at-most.js";
import { Ending } from "../concurrency/ending.js";
import { isLSError, LSError, type LSErrorCode } from "../errors.js";
import { L0_LEVEL } from "../levels.js";
import { Uploader, type UploadFailure } from "../replica/uploader.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { type AttachResult, attach } from "./attach.js";
import { AttachLoop } from "./attach-loop.js";
import { GRACE_MS } from "./close-engine.js";
import { claimDestination } from "./destination-claims.js";
import { type EventSink, reportOf } from "./events.js";
import { Health } from "./health.js";
import type { ResolvedDBOptions } from "./options.js";
import type { EngineEvent, StagedFile } from "./protocol.js";
import { SessionEngine } from "./session-engine.js";
import type { SnapshotResult } from "./snapshot.js";
import { Snapshotting } from "./snapshotting.js";
import type { Attachment, DBStatus, SyncStatus } from "./status.js";
import { Syncing } from "./syncing.js";

/**
 * One run of a database's replication, from `open()` to `close()`: an engine, an uploader, and what joins them. State changes only between
 * awaits, so whatever is called at the same time finds it consistent.
 */
export class Session {
  readonly #options: ResolvedDBOptions;
  readonly #events: EventSink;
  readonly #engine: SessionEngine;
  readonly #uploader: Uploader;
  readonly #attachLoop: AttachLoop;
  readonly #health: Health;
  readonly #syncing: Syncing;
  readonly #snapshotting: Snapshotting;
  /** Aborted at the end: attaching stops. */
  readonly #ended: Ending = new Ending();
  #releaseClaim: (() => void) | undefined;

  constructor(options: ResolvedDBOptions, driver: SQLiteDriver, events: EventSink) {
    this.#options = options;
    this.#events = events;
    const { settings, replica, client } = options;
    this.#engine = new SessionEngine(options, driver, (event) => this.#engineEvent(event));
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
    const parts = { options, engine: this.#engine, uploader: this.#uploader, attachLoop: this.#attachLoop, health: this.#health };
    this.#syncing = new Syncing(parts);
    this.#snapshotting = new Snapshotting({ ...parts, syncing: this.#syncing });
  }

  // ---- open

  /** Resolves after the first attempt to attach, unless that failed for good: then everything is released and it rejects. */
  async open(signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      const opened = await this.#engine.host.request("open", undefined, { signal });
      this.#releaseClaim = claimDestination(this.#options.replica.client, this.#options.settings.path);
      this.#health.localTXIDIs(opened.position.txid);
      this.#health.lifecycleIs("open");
      this.#attachLoop.start();
      while (this.#attachLoop.state.kind === "attaching" && this.#uploader.status.failure === undefined) await this.#attachLoop.nextChange(signal);
      if (this.#attachLoop.state.kind === "failed") throw this.#attachLoop.state.error;
    } catch (error) {
      // What open() failed with is what is told.
      await this.#engine.abandon();
      await this.#release();
      throw error;
    }
  }

  async #attach(): Promise<AttachResult> {
    await this.#uploader.pause();
    if (this.#engine.isStale) {
      if (!this.#engine.isReplaceable) return { kind: "not-ready", reason: "absent" };
      await this.#engine.replace();
      // What hindered the one before is nothing that this one will take back.
      if (this.#health.pausedBy !== undefined) this.#engineEvent({ type: "resumed" });
    }
    const { settings, client, onDestinationAhead } = this.#options;
    const signal = this.#ended.signal;
    try {
      const result = await attach({
        path: settings.path,
        host: this.#engine.host,
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

  sync(signal: AbortSignal | undefined): Promise<TXID> {
    return this.#syncing.sync(signal);
  }

  syncAndWait(signal: AbortSignal | undefined): Promise<TXID> {
    return this.#syncing.syncAndWait(signal);
  }

  syncStatus(signal: AbortSignal | undefined): Promise<SyncStatus> {
    return this.#syncing.status(signal);
  }

  snapshot(signal: AbortSignal | undefined): Promise<SnapshotResult> {
    return this.#snapshotting.snapshot(signal);
  }

  async checkpoint(signal: AbortSignal | undefined): Promise<{ walFrames: number; checkpointedFrames: number }> {
    await this.#attachLoop.whenAttached(signal, false);
    return this.#engine.host.request("checkpoint", undefined, { signal });
  }

  status(): DBStatus {
    return this.#health.status();
  }

  // ---- close

  /**
   * Flushes until `deadline` aborts, then releases everything.
   * @throws LSError `LS_NOT_DURABLE` when something is not at the destination.
   */
  async close(deadline: AbortSignal): Promise<void> {
    this.#health.lifecycleIs("closing");
    this.#health.refreshPhase();
    this.#snapshotting.end();
    this.#uploader.hurry();
    this.#attachLoop.hurry();
    let failure: unknown;
    let uncut = false;
    try {
      await this.#syncing.syncAndWait(deadline);
    } catch (error) {
      // One that rested had nothing that is not at its destination.
      if (!wasDeletedAtRest(error)) {
        uncut = await this.#syncing.mayBeUncut();
        // A database that cannot be read yet has nothing that could be lost, unless it was read before.
        if (uncut || this.#attachLoop.state.kind !== "waiting") failure = error;
      }
    }
    try {
      const txid = await this.#engine.close({ discard: failure !== undefined, deadline });
      this.#health.localTXIDIs(txid);
      if (failure === undefined && this.#uploader.started) await this.#uploader.waitFor(txid, deadline);
    } catch (error) {
      failure ??= error;
    }
    const missing = this.#firstMissing(uncut);
    await this.#release();
    if (missing !== undefined) throw notDurable(this.#options.settings.path, missing, failure);
  }

  #firstMissing(uncut: boolean): TXID | undefined {
    return this.#uploader.pending.first?.txid ?? (uncut ? this.#health.localTXID + 1n : undefined);
  }

  async #release(): Promise<void> {
    this.#health.lifecycleIs("closed");
    this.#options.observer?.ended();
    this.#ended.abort();
    this.#snapshotting.end();
    const stopped = new LSError("LS_NOT_OPEN", `${this.#options.settings.path} was closed`);
    // A client that ignores its signal does not keep the database from being closed.
    await atMost(GRACE_MS, Promise.all([this.#uploader.stop(stopped), this.#attachLoop.stop()]));
    await this.#engine.dispose();
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
    if (this.#attachLoop.state.kind === "attached") this.#engine.host.tell("acknowledge", { txid: file.txid });
    const lagMs = Math.max(0, Date.now() - file.oldestCommitMs);
    const { txid, size, timestampMs } = file;
    this.#options.observer?.stored({ level: L0_LEVEL, minTXID: txid, maxTXID: txid, size, createdAt: new Date(timestampMs) });
    this.#events.emit({ type: "uploaded", txid: file.txid, sizeBytes: file.size, pageCount: file.pageCount, lagMs });
    this.#health.refreshPhase();
  }

  /** Level 1 of the destination holds everything up to this TXID. A database that rests has hardly any copies left, and lets go of them in its own time. */
  merged(txid: TXID): void {
    if (this.#attachLoop.state.kind === "attached" && !this.#health.resting) this.#engine.host.tell("merged", { txid });
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
      this.#engine.becameStale();
      this.#attachLoop.start();
      return;
    }
    this.#fail(error);
    // Read marks are let go, so that the application's checkpoints are its own again; what is staged stays for whoever resolves this.
    this.#engine.host.request("close", { discard: true }).catch((cause: unknown) => this.#unexpected(reportOf(cause)));
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

function notDurable(path: string, firstMissingTXID: TXID, cause: unknown): LSError {
  return new LSError("LS_NOT_DURABLE", `${path} was closed before everything was at the destination: missing from TXID ${firstMissingTXID} on`, {
    cause,
    details: { path, firstMissingTXID },
  });
}
