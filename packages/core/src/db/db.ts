import { setMaxListeners } from "node:events";
import type { TXID } from "@ls/ltx";
import { unlessAborted } from "../backend-kit/unless-aborted.js";
import { SharedCall } from "../concurrency/shared-call.js";
import { LSError } from "../errors.js";
import { Meter } from "../metrics/meter.js";
import type { DBMetrics } from "../metrics/metrics.js";
import { REPLICA_BRAND, type Replica } from "../replica/replica.js";
import type { CallOptions } from "../replica-client.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { resolveDriverSoon } from "../sqlite/resolve.js";
import { createMerging } from "../worker/merging.js";
import { type EnsureExistsResult, ensureExists } from "./ensure-exists.js";
import { DB_EVENT_LEVELS, type DBEventBody, EventSink } from "./events.js";
import { DB_BRAND, type Member, type Membership } from "./membership.js";
import { type DBOptions, type ResolvedDBOptions, resolveDBOptions } from "./options.js";
import { Session } from "./session.js";
import type { SnapshotResult } from "./snapshot.js";
import { closedStatus, type DBStatus, type SyncStatus } from "./status.js";

/** Local copies wait for so many intervals of level 1: the merge may have to wait its turn, or be tried again. */
const COPY_INTERVALS = 3;

/** What a checkpoint left. */
export interface CheckpointResult {
  /** Frames in the WAL. */
  readonly walFrames: number;
  /** Frames of them that are in the database file. */
  readonly checkpointedFrames: number;
}

/**
 * A live SQLite database that is replicated to a destination. The application opens the database with its own driver and works as always;
 * nothing is written to it, and `close()` is safe whatever the application has open.
 *
 * The database must be in WAL mode; until it is (or exists), it is waited for. Methods other than the constructor, `open()`, `close()`,
 * `ensureExists()` and `status()` reject with `LS_NOT_OPEN` unless the database is open.
 */
export class DB {
  /** Absolute path of the database. */
  readonly path: string;
  readonly replica: Replica;
  readonly #given: DBOptions;
  readonly #meter: Meter;
  #options: ResolvedDBOptions;
  #events: EventSink;
  #isMember = false;
  readonly #constructedMs: number = Date.now();
  #driver: SQLiteDriver | undefined;
  #session: Session | undefined;
  #opening: SharedCall<void> | undefined;
  #closing: { readonly done: Promise<void>; readonly deadline: AbortController } | undefined;
  #ensuring: SharedCall<EnsureExistsResult> | undefined;

  /**
   * Checks the options; no I/O.
   * @param path the database file: a path, or a connection string that names one (`sqlite://…`, `file:…`).
   * @throws LSError `LS_INVALID_OPTION`
   */
  constructor(path: string, options: DBOptions) {
    this.#given = options;
    const resolved = resolveDBOptions(path, options);
    this.path = resolved.settings.path;
    this.replica = resolved.replica;
    this.#meter = new Meter(this.replica.client);
    this.#options = { ...resolved, client: this.#meter.client };
    this.#events = this.#eventSink();
    REPLICA_BRAND.read(this.replica)?.bind((file) => this.#sqlite().open(file, { readonly: true }));
  }

  /**
   * Starts replication. Resolves when the database is captured, or waited for, or (with status and events saying so) the destination does
   * not answer: attaching then goes on by itself. An open database keeps the process alive. Without effect when it is open.
   * @throws LSError `LS_LOCKED`, `LS_DESTINATION_AHEAD`, `LS_CONFLICT`, `LS_SECOND_SQLITE`, `LS_NOT_A_DATABASE`, `LS_DRIVER_REQUIRED`,
   * `LS_NOT_OPEN` when it was closed meanwhile without time for a flush, or why the meta directory cannot be used; nothing is held then.
   */
  async open({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    // Order matters: with nothing in the way no turn is given up, and a close() right behind finds the opening.
    for (let busy = this.#inTheWay(); busy !== undefined; busy = this.#inTheWay()) await unlessAborted(busy, signal);
    if (this.#session === undefined) {
      this.#opening ??= new SharedCall(async (shared) => {
        try {
          await this.#open(shared);
        } finally {
          this.#opening = undefined;
        }
      });
    }
    await this.#opening?.join(signal);
  }

  /** What has to be over before the database can be opened. */
  #inTheWay(): Promise<void> | undefined {
    if (this.#closing !== undefined) return this.#closing.done.catch(() => {});
    if (this.#ensuring !== undefined) return this.#ensuring.settled();
    // Given up by everyone who asked for it: the next one is begun anew.
    return this.#opening?.aborted === true ? this.#opening.settled() : undefined;
  }

  async #open(signal: AbortSignal): Promise<void> {
    const session = new Session(this.#options, this.#sqlite(), this.#events);
    this.#session = session;
    try {
      await session.open(signal);
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }

  /**
   * Flushes and stops replication: everything committed before the call is at the destination when it resolves. Idempotent, and safe at any
   * time; concurrent calls share one shutdown. Uploads are repeated until `shutdownTimeoutMs` is over or `signal` of any call aborts.
   * No handle, timer or thread remains afterwards, also when it rejects.
   * @throws LSError `LS_NOT_DURABLE` when something is not at the destination, with `details.firstMissingTXID`; without it when `open()` had not come
   * far enough to know.
   */
  async close({ signal }: CallOptions = {}): Promise<void> {
    if (this.#closing === undefined) {
      const deadline = new AbortController();
      setMaxListeners(0, deadline.signal);
      const done = this.#close(deadline).finally(() => {
        this.#closing = undefined;
      });
      this.#closing = { done, deadline };
    }
    const { done, deadline } = this.#closing;
    const abort = (): void => deadline.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await done;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async #close(deadline: AbortController): Promise<void> {
    const timeoutMs = this.#options.shutdownTimeoutMs;
    const timer = setTimeout(() => deadline.abort(new DOMException(`not flushed within ${timeoutMs} ms`, "TimeoutError")), timeoutMs);
    const opening = this.#opening;
    try {
      if (opening !== undefined) {
        // Not the reason of whoever closes: those who wait in open() gave no signal that could have it.
        const abort = (): void => opening.abort(closedWhileOpening(this.path, deadline.signal.reason));
        deadline.signal.addEventListener("abort", abort, { once: true });
        // Whoever called open() hears of its failure.
        await opening.settled();
        deadline.signal.removeEventListener("abort", abort);
        if (deadline.signal.aborted && opening.aborted && this.#session === undefined) throw notStarted(this.path, deadline.signal.reason);
      }
      if (this.#session === undefined) await this.replica.client.close();
      else await this.#session.close(deadline.signal);
    } finally {
      this.#session = undefined;
      clearTimeout(timer);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Cuts what is committed now into a file on the local disk.
   * @returns the TXID that holds everything committed before the call.
   * @throws LSError `LS_NOT_READY` (with `details.reason`), `LS_DISK_FULL`, or why the database is not being captured.
   */
  async sync({ signal }: CallOptions = {}): Promise<TXID> {
    return this.#opened().sync(signal);
  }

  /**
   * Resolves when everything committed before the call is durable at the destination. Failures that may pass by themselves are waited out
   * for as long as `signal` allows; any other rejects.
   * @returns the TXID that holds it.
   * @throws LSError `LS_NOT_READY` (with `details.reason`), `LS_STORAGE_DENIED`, `LS_CONFLICT`, …
   */
  async syncAndWait({ signal }: CallOptions = {}): Promise<TXID> {
    return this.#opened().syncAndWait(signal);
  }

  /** Whether the destination holds everything; looks at the database, not at the destination. */
  async syncStatus({ signal }: CallOptions = {}): Promise<SyncStatus> {
    return this.#opened().syncStatus(signal);
  }

  /** Folds the WAL into the database file as far as readers and writers allow; never holds either up. */
  async checkpoint({ signal }: CallOptions = {}): Promise<CheckpointResult> {
    return this.#opened().checkpoint(signal);
  }

  /**
   * Stores the whole database, as it is now, as one file at level 9 of the destination: a restore then starts there. Writers and checkpoints go on
   * meanwhile, but the WAL grows until it is done. Uploads everything that is committed first. A snapshot of the same TXID that is there already is
   * taken for it. One at a time; calls wait for one another.
   * @throws LSError as {@link DB.syncAndWait}, and the client's when the file cannot be stored: nothing of it is visible then.
   */
  async snapshot({ signal }: CallOptions = {}): Promise<SnapshotResult> {
    return this.#opened().snapshot(signal);
  }

  /**
   * Restores the newest state from the destination if the database does not exist. Call it before `open()`, and before the application opens
   * the database. What a lost database left staged in its meta directory, and the destination lacks, is uploaded first, so nothing of it is lost.
   * The first cut afterwards continues the destination's history and holds only what changed since.
   * @returns `"present"`: there is a database already, nothing was done. `"restored"`: it passed a quick integrity check.
   * `"no-backup"`: the destination answered that it holds nothing; any failure to find out is thrown instead.
   * @throws LSError as `restore()` of `@ls/core/restore`, `LS_LOCKED`, `LS_DRIVER_REQUIRED`; `LS_CONFLICT` when what was left staged and the
   * destination went apart.
   */
  async ensureExists({ signal }: CallOptions = {}): Promise<EnsureExistsResult> {
    signal?.throwIfAborted();
    while (this.#ensuring?.aborted === true) await unlessAborted(this.#ensuring.settled(), signal);
    if (this.#session !== undefined) throw new LSError("LS_INVALID_OPTION", "ensureExists() comes before open()");
    this.#ensuring ??= new SharedCall(async (shared) => {
      try {
        return await ensureExists({ options: this.#options, driver: () => this.#sqlite(), events: this.#events, signal: shared });
      } finally {
        this.#ensuring = undefined;
      }
    });
    return this.#ensuring.join(signal);
  }

  /** What is known about replication right now; no I/O, never a secret. */
  status(): DBStatus {
    return this.#session?.status() ?? closedStatus(this.replica.client.destination, this.#constructedMs);
  }

  /** The same and more in plain numbers, counted since the constructor; no I/O, never a secret. `@ls/core/metrics` renders them for Prometheus. */
  metrics(): DBMetrics {
    return this.#meter.read(this.path, this.status());
  }

  #opened(): Session {
    if (this.#session === undefined || this.#closing !== undefined)
      throw new LSError("LS_NOT_OPEN", `${this.path} is not open`, { details: { path: this.path } });
    return this.#session;
  }

  static {
    DB_BRAND.mark(DB.prototype, (db) => ({ join: (membership) => db.#join(membership) }));
  }

  #join({ onEvent, logger, shutdownTimeoutMs, mergeIntervalMs, observer }: Membership): Member {
    if (this.#isMember) throw new LSError("LS_INVALID_OPTION", `${this.path} belongs to a Store already`, { details: { path: this.path } });
    if (this.#session !== undefined || this.#opening !== undefined) {
      throw new LSError("LS_INVALID_OPTION", `${this.path} is open: a Store opens its databases itself`, { details: { path: this.path } });
    }
    const own = this.#options;
    const given = this.#given;
    this.#isMember = true;
    this.#use({
      ...own,
      settings: { ...own.settings, localCopyMs: COPY_INTERVALS * mergeIntervalMs },
      onEvent: own.onEvent ?? onEvent,
      logger: given.logger ?? logger ?? own.logger,
      shutdownTimeoutMs: given.shutdownTimeoutMs ?? shutdownTimeoutMs,
      observer,
    });
    const leave = (): void => {
      this.#isMember = false;
      this.#use(own);
    };
    const { metaPath } = own.settings;
    const merging = createMerging({ kind: own.host, metaPath, workerURL: own.workerURL });
    return { metaPath, client: own.client, merging, merged: (txid) => this.#session?.merged(txid), count: this.#meter.count, leave };
  }

  #use(options: ResolvedDBOptions): void {
    this.#options = options;
    this.#events = this.#eventSink();
  }

  #eventSink(): EventSink {
    const { onEvent, logger } = this.#options;
    return new EventSink<DBEventBody>({ subject: { db: this.path }, onEvent, logger, count: this.#meter.count }, DB_EVENT_LEVELS);
  }

  #sqlite(): SQLiteDriver {
    this.#driver ??= resolveDriverSoon(this.#options.driver);
    return this.#driver;
  }
}

function closedWhileOpening(path: string, cause: unknown): LSError {
  return new LSError("LS_NOT_OPEN", `${path} was closed while it was being opened`, { cause, details: { path } });
}

function notStarted(path: string, cause: unknown): LSError {
  return new LSError("LS_NOT_DURABLE", `${path} was closed before its replication had started: what was committed last may be missing at the destination`, {
    cause,
    details: { path },
  });
}
