import { statSync } from "node:fs";
import { LocalCopies } from "../compaction/local-copies.js";
import { atMost } from "../concurrency/at-most.js";
import { GRACE_MS } from "../db/close-engine.js";
import type { DB } from "../db/db.js";
import { type DBPhase, EventSink, reportOf } from "../db/events.js";
import type { DBContract, DestinationObserver, Member } from "../db/membership.js";
import { isLSError, LSError } from "../errors.js";
import type { DBMetrics } from "../metrics/metrics.js";
import { retryDelayMs } from "../replica/retry-delay.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { Clock } from "./clock.js";
import { KEEPING_EVENT_LEVELS, type KeepingEventBody } from "./events.js";
import { Keeper, type Lanes } from "./keeping/keeper.js";
import type { SnapshotImage } from "./keeping/snapshot-image.js";
import type { ResolvedStoreOptions } from "./options.js";
import type { Due, Scheduler } from "./scheduler.js";
import type { StoreDatabaseStatus } from "./status.js";

/** First wait before replication is started again, ms. */
const RETRY_BASE_MS = 1000;

/** Why `open()` may fail today and succeed tomorrow, without anyone changing the configuration. */
const REPEATABLE = ["LS_LOCKED", "LS_STORAGE_UNAVAILABLE", "LS_STORAGE_DENIED", "LS_DISK_FULL", "LS_NOT_A_DATABASE", "LS_DESTINATION_AHEAD"] as const;

/** Phases in which a snapshot can be made. */
const READABLE: ReadonlySet<DBPhase> = new Set(["replicating", "resting", "retrying", "paused"]);

export interface StoreDatabaseOptions {
  readonly store: ResolvedStoreOptions;
  readonly lanes: Lanes;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
}

/** A database in a Store: its replication, started again when that failed, and the keeping of its destination. */
export class StoreDatabase implements Due, DestinationObserver, SnapshotImage {
  readonly db: DB;
  readonly #options: StoreDatabaseOptions;
  readonly #member: Member;
  readonly #keeper: Keeper;
  readonly #events: EventSink<KeepingEventBody>;
  #failure: { readonly error: unknown; readonly atMs: number; readonly count: number; readonly nextRetryMs: number | undefined } | undefined;
  #opening: Promise<void> | undefined;
  /** While it is being closed nothing is started. */
  #isClosing = false;

  /** @throws LSError `LS_INVALID_OPTION` */
  constructor(db: DB, contract: DBContract, options: StoreDatabaseOptions) {
    const { store, lanes, scheduler, clock } = options;
    this.db = db;
    this.#options = options;
    this.#member = contract.join({
      onEvent: store.onEvent,
      logger: store.logger,
      shutdownTimeoutMs: store.shutdownTimeoutMs,
      mergeIntervalMs: store.settings.levels[0]?.intervalMs ?? 0,
      observer: this,
    });
    const { client, count, merging, merged, metaPath } = this.#member;
    this.#events = new EventSink<KeepingEventBody>({ subject: { db: db.path }, onEvent: store.onEvent, logger: store.logger, count }, KEEPING_EVENT_LEVELS);
    this.#keeper = new Keeper({
      client,
      settings: store.settings,
      verifyIntervalMs: store.verifyIntervalMs,
      image: this,
      locals: new LocalCopies(metaPath),
      merging,
      merged,
      lanes,
      scheduler,
      clock,
      events: this.#events,
      jitter: Math.random(),
    });
  }

  get keeper(): Keeper {
    return this.#keeper;
  }

  // ---- what its replication finds out, only once it is opened: by then the keeper is there

  listed(files: readonly LTXFileInfo[]): void {
    this.#keeper.listed(files);
  }

  stored(file: LTXFileInfo): void {
    this.#keeper.stored(file);
  }

  ended(): void {
    this.#keeper.ended();
  }

  // ---- what snapshots are made from

  databaseBytes(): number | undefined {
    const { phase } = this.db.status();
    if (!READABLE.has(phase)) return undefined;
    const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    // A young database may still lie in its WAL.
    return Math.max(sizeOf(this.db.path), sizeOf(`${this.db.path}-wal`));
  }

  async take(signal: AbortSignal): Promise<LTXFileInfo> {
    return (await this.db.snapshot({ signal })).file;
  }

  // ---- replication

  /** Starts replication. When that fails for a reason that may pass, it is tried again by itself. @throws why it failed now. */
  async open(): Promise<void> {
    if (this.#isClosing) throw new LSError("LS_NOT_OPEN", `${this.db.path} is being closed`, { details: { path: this.db.path } });
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    await this.#opening;
  }

  async #open(): Promise<void> {
    try {
      await this.db.open();
      this.#failure = undefined;
    } catch (error) {
      if (!this.#isClosing) this.#openFailed(error);
      throw error;
    }
  }

  #openFailed(error: unknown): void {
    const { clock, scheduler } = this.#options;
    const count = (this.#failure?.count ?? 0) + 1;
    const nowMs = clock.now();
    const mayPass = REPEATABLE.some((code) => isLSError(error, code));
    const retryable = isLSError(error) && error.retryable;
    const nextRetryMs = mayPass ? nowMs + retryDelayMs({ failures: count, retryable, baseMs: RETRY_BASE_MS, random: Math.random() }) : undefined;
    this.#failure = { error, atMs: nowMs, count, nextRetryMs };
    scheduler.set(this, nextRetryMs);
    this.#events.emit({ type: "open-failed", error: reportOf(error), failures: count, nextRetryAt: dateOf(nextRetryMs) });
  }

  /** Time to try again. */
  due(): void {
    // What it fails with has been reported, and decides on the next attempt.
    this.open().catch(() => {});
  }

  /** Flushes and ends replication. Can be opened again. @throws what `DB.close()` throws; everything is released then. */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosing = true;
    this.#options.scheduler.set(this, undefined);
    try {
      // The last uploads need the bandwidth, and merges can be done at any time. A client that ignores its signal holds nothing up.
      await atMost(GRACE_MS, this.#keeper.stop());
      await this.db.close({ signal });
    } finally {
      this.#failure = undefined;
      this.#isClosing = false;
    }
  }

  /** After `close`: the database is its own again. */
  leave(): void {
    this.#member.leave();
  }

  metrics(): DBMetrics {
    return { ...this.db.metrics(), levels: this.#keeper.status().levels?.map(({ level, files, bytes }) => ({ level, files, bytes })) ?? [] };
  }

  status(): StoreDatabaseStatus {
    const failure = this.#failure;
    return {
      path: this.db.path,
      replication: this.db.status(),
      keeping: this.#keeper.status(),
      openError: failure === undefined ? undefined : { ...reportOf(failure.error), at: new Date(failure.atMs), nextRetryAt: dateOf(failure.nextRetryMs) },
    };
  }
}

function dateOf(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
