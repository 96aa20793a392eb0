import { setMaxListeners } from "node:events";
import { unlessAborted } from "../backend-kit/unless-aborted.js";
import type { LevelIssue } from "../compaction/verify.js";
import { atMost } from "../concurrency/at-most.js";
import { Limit } from "../concurrency/limit.js";
import type { DB } from "../db/db.js";
import { DestinationClaims } from "../db/destination-claims.js";
import { EventSink } from "../db/events.js";
import { DB_BRAND } from "../db/membership.js";
import { isLSError, LSError } from "../errors.js";
import type { StoreMetrics } from "../metrics/metrics.js";
import type { CallOptions } from "../replica-client.js";
import { systemClock } from "./clock.js";
import { closeFailed } from "./close-failed.js";
import { HEARTBEAT_EVENT_LEVELS, type HeartbeatEventBody, WATCH_EVENT_LEVELS, type WatchEventBody } from "./events.js";
import { Heartbeat } from "./heartbeat.js";
import type { Lanes } from "./keeping/keeper.js";
import { type ResolvedStoreOptions, resolveStoreOptions, type StoreOptions } from "./options.js";
import { Scheduler } from "./scheduler.js";
import type { StoreDatabaseStatus, StoreStatus } from "./status.js";
import { StoreDatabase } from "./store-database.js";
import type { DirectoryWatch } from "./watch/directory-watch.js";
import { resolveWatchOptions, type WatchDirectoryOptions } from "./watch/options.js";
import { WatchedDirectory } from "./watch/watched-directory.js";

/** Databases that are opened at a time: thousands at once would only wait for one another. */
const OPENING = 16;
/** A database whose destination does not answer for so long counts as started: it goes on by itself. */
const START_PATIENCE_MS = 5000;

/**
 * Any number of databases, replicated and kept: their destinations are compacted, get snapshots, and lose what is past its time. One timer and
 * shared budgets serve all of them; a database that fails holds up no other, and one that rests costs nothing.
 */
export class Store {
  readonly #options: ResolvedStoreOptions;
  readonly #databases: Map<string, StoreDatabase> = new Map();
  readonly #claims: DestinationClaims = new DestinationClaims();
  /** What gives the destination of a database free. */
  readonly #releases: WeakMap<StoreDatabase, () => void> = new WeakMap();
  /** Databases that are being closed because they were taken out. */
  readonly #leaving: Map<DB, { readonly done: Promise<void>; readonly interrupt: AbortController }> = new Map();
  readonly #watches: Set<WatchedDirectory> = new Set();
  readonly #scheduler: Scheduler = new Scheduler(systemClock);
  readonly #lanes: Lanes;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #opening: Limit = new Limit(OPENING);
  #phase: StoreStatus["phase"] = "closed";
  #change: Promise<void> | undefined;
  #deadline: AbortController | undefined;

  /**
   * Checks the options; no I/O.
   * @param dbs none of them open, and each with a destination of its own. The Store opens and closes them.
   * @throws LSError `LS_INVALID_OPTION`; `LS_CONFLICT` for two databases on one destination.
   */
  constructor(dbs: Iterable<DB> = [], options: StoreOptions = {}) {
    this.#options = resolveStoreOptions(options);
    this.#lanes = { healthy: new Limit(this.#options.parallelism), ailing: new Limit(1) };
    this.#heartbeat = this.#createHeartbeat();
    try {
      for (const db of dbs) this.#register(db);
    } catch (error) {
      for (const database of this.#databases.values()) database.leave();
      throw error;
    }
  }

  /**
   * Starts replication of every database. Resolves when each has been started or has failed; those that failed are in `status()` and events,
   * and are started again where that can help. Without effect when it is open.
   * @throws only when every database failed, and then closes: the failure of the only one, or an `AggregateError`.
   */
  async open({ signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#phase === "closing") await unlessAborted(this.#change?.catch(() => {}) ?? Promise.resolve(), signal);
    if (this.#phase === "closed") {
      this.#phase = "opening";
      this.#change = this.#open();
    }
    if (this.#change !== undefined) await unlessAborted(this.#change, signal);
  }

  async #open(): Promise<void> {
    const databases = [...this.#databases.values()];
    const watching = Promise.all([...this.#watches].map((watch) => watch.start()));
    const outcomes = await Promise.allSettled(databases.map((database) => this.#start(database)));
    await watching;
    if (this.#phase !== "opening") throw new LSError("LS_NOT_OPEN", "the Store was closed while it was being opened");
    // What was taken out meanwhile is nobody's failure.
    const members = outcomes.filter((_, i) => this.#isMember(databases[i]));
    const failures = members.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    if (failures.length === 0 || failures.length < members.length || this.#watches.size > 0) {
      this.#phase = "open";
      this.#heartbeat?.start();
      return;
    }
    await this.#closeAll(AbortSignal.abort()).catch(() => {});
    this.#phase = "closed";
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, "no database of the Store could be opened");
  }

  #isMember(database: StoreDatabase | undefined): boolean {
    return database !== undefined && this.#databases.get(database.db.path) === database;
  }

  #start(database: StoreDatabase): Promise<void> {
    return this.#opening.run(async () => {
      const { db } = database;
      const isWanted = this.#isOpening() && this.#isMember(database);
      if (!isWanted) throw new LSError("LS_NOT_OPEN", `${db.path} was closed before its turn came`, { details: { path: db.path } });
      await atMost(START_PATIENCE_MS, database.open());
    });
  }

  /**
   * Adds a database, and starts its replication if the Store is open. Adding one that is there already waits for its start.
   * @throws LSError `LS_INVALID_OPTION`, `LS_CONFLICT` when another database has its destination, and what `DB.open()` throws: it is not added then.
   */
  async add(db: DB, { signal }: CallOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    // Whoever waited as well may have put it in and taken it out again.
    for (let leaving = this.#leaving.get(db); leaving !== undefined; leaving = this.#leaving.get(db)) await unlessAborted(leaving.done, signal);
    const known = this.#databases.get(db.path);
    const database = known?.db === db ? known : this.#register(db);
    if (!this.#isOpening()) return;
    try {
      await unlessAborted(this.#start(database), signal);
    } catch (error) {
      const isMember = this.#isMember(database);
      // The Store was closed meanwhile, and the database with it.
      if (isMember && isLSError(error, "LS_NOT_OPEN")) return;
      if (isMember && known === undefined) await this.remove(db).catch(() => {});
      throw error;
    }
  }

  /**
   * Flushes and closes a database, and takes it out of the Store. Resolves when everything is durable at its destination. Without effect for one
   * that is not there.
   * @throws LSError `LS_NOT_DURABLE` (the database is out and closed all the same).
   */
  async remove(db: DB, { signal }: CallOptions = {}): Promise<void> {
    const database = this.#databases.get(db.path);
    if (database === undefined || database.db !== db) {
      await unlessAborted(this.#leaving.get(db)?.done ?? Promise.resolve(), signal);
      return;
    }
    this.#databases.delete(db.path);
    this.#releases.get(database)?.();
    const interrupt = new AbortController();
    const limited = signal === undefined ? interrupt.signal : AbortSignal.any([signal, interrupt.signal]);
    const closed = database.close(limited).finally(() => {
      database.leave();
      this.#leaving.delete(db);
    });
    // Whoever called hears of its failure.
    this.#leaving.set(db, { done: closed.catch(() => {}), interrupt });
    await closed;
  }

  /**
   * Flushes and closes every database, all at the same time, until `shutdownTimeoutMs` is over or `signal` of any call aborts; then releases
   * everything. Idempotent; concurrent calls share one shutdown. The Store can be opened again.
   * @throws LSError `LS_NOT_DURABLE` when something is not at its destination: `details.databases` has `path` and, as far as it is known, `firstMissingTXID` of each.
   */
  async close({ signal }: CallOptions = {}): Promise<void> {
    if (this.#phase === "closed") return;
    if (this.#phase !== "closing") {
      const opening = this.#phase === "opening" ? this.#change : undefined;
      this.#phase = "closing";
      this.#deadline = new AbortController();
      // One listener per database; Node takes more than ten for a leak.
      setMaxListeners(0, this.#deadline.signal);
      this.#change = this.#close(this.#deadline, opening).finally(() => {
        this.#phase = "closed";
      });
    }
    const abort = (): void => this.#deadline?.abort(signal?.reason);
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await this.#change;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async #close(deadline: AbortController, opening: Promise<void> | undefined): Promise<void> {
    const { shutdownTimeoutMs } = this.#options;
    const timeout = new DOMException(`not flushed within ${shutdownTimeoutMs} ms`, "TimeoutError");
    const timer = setTimeout(() => deadline.abort(timeout), shutdownTimeoutMs);
    const silenced = this.#heartbeat?.stop();
    for (const watch of this.#watches) watch.pause();
    // Those that were taken out before have no more time than the others.
    deadline.signal.addEventListener("abort", () => {
      for (const { interrupt } of this.#leaving.values()) interrupt.abort(deadline.signal.reason);
    });
    try {
      await this.#closeAll(deadline.signal);
    } finally {
      await Promise.all([silenced, opening?.catch(() => {}), ...[...this.#leaving.values()].map(({ done }) => done)]);
      clearTimeout(timer);
    }
  }

  async #closeAll(signal: AbortSignal): Promise<void> {
    const outcomes = await Promise.allSettled([...this.#databases.values()].map((database) => database.close(signal)));
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    if (failures.length > 0) throw closeFailed(failures);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Takes in every database that is, or appears, in a directory, and takes out those whose files are gone, after flushing what they had. Resolves
   * when everything that is there has been looked at and started; while the Store is closed, at once: `open()` looks then. The directory need not
   * exist. `close()` of the Store lets the watch rest, that of the watch ends it and takes its databases out.
   * @throws LSError `LS_INVALID_OPTION`, `LS_DRIVER_REQUIRED`
   */
  async watchDirectory(root: string, options: WatchDirectoryOptions): Promise<DirectoryWatch> {
    const { onEvent, logger } = this.#options;
    const watch = new WatchedDirectory(resolveWatchOptions(root, options), {
      store: {
        has: (path) => this.#databases.has(path),
        register: (db) => {
          const database = this.#register(db);
          return { started: this.#isOpening() ? this.#start(database) : Promise.resolve() };
        },
        remove: (db, callOptions) => this.remove(db, callOptions),
        ended: (ended) => this.#watches.delete(ended),
      },
      scheduler: this.#scheduler,
      clock: systemClock,
      events: new EventSink<WatchEventBody, object>({ subject: {}, onEvent, logger }, WATCH_EVENT_LEVELS),
    });
    this.#watches.add(watch);
    if (this.#isOpening()) await watch.start();
    return watch;
  }

  /** Whether databases are started as they come. */
  #isOpening(): boolean {
    return this.#phase === "opening" || this.#phase === "open";
  }

  /** What is known right now; no I/O, never a secret. */
  status(): StoreStatus {
    return { phase: this.#phase, databases: this.#databaseStatuses(), heartbeat: this.#heartbeat?.status() };
  }

  /** Everything in plain numbers; no I/O, never a secret. `@ls/core/metrics` renders them for Prometheus. */
  metrics(): StoreMetrics {
    const heartbeat = this.#heartbeat?.status();
    return {
      databases: [...this.#databases.values()].map((database) => database.metrics()),
      heartbeat: heartbeat === undefined ? undefined : { sent: heartbeat.sent, errors: heartbeat.errors },
    };
  }

  /**
   * Lists every destination and checks its levels for gaps, overlaps, sizes and order.
   * @returns the issues by database path; an empty list = all is well.
   * @throws errors of the clients.
   */
  async verify({ signal = new AbortController().signal }: CallOptions = {}): Promise<ReadonlyMap<string, readonly LevelIssue[]>> {
    const issues = new Map<string, readonly LevelIssue[]>();
    await Promise.all(
      [...this.#databases.values()].map((database) =>
        this.#opening.run(async () => {
          issues.set(database.db.path, await database.keeper.verify(signal));
        }),
      ),
    );
    return issues;
  }

  #databaseStatuses(): StoreDatabaseStatus[] {
    return [...this.#databases.values()].map((database) => database.status());
  }

  #createHeartbeat(): Heartbeat | undefined {
    const { heartbeat, onEvent, logger } = this.#options;
    if (heartbeat === undefined) return undefined;
    const events = new EventSink<HeartbeatEventBody, object>({ subject: {}, onEvent, logger }, HEARTBEAT_EVENT_LEVELS);
    return new Heartbeat({ ...heartbeat, scheduler: this.#scheduler, clock: systemClock, events, databases: () => this.#databaseStatuses() });
  }

  #register(db: DB): StoreDatabase {
    const contract = DB_BRAND.read(db);
    if (contract === undefined) throw new LSError("LS_INVALID_OPTION", "Store: databases must be DBs, as in new DB(path, options)");
    if (this.#databases.has(db.path)) {
      throw new LSError("LS_INVALID_OPTION", `${db.path} is in the Store already`, { details: { path: db.path } });
    }
    const release = this.#claims.claim(db.replica.client, db.path);
    try {
      const database = new StoreDatabase(db, contract, { store: this.#options, lanes: this.#lanes, scheduler: this.#scheduler, clock: systemClock });
      this.#databases.set(db.path, database);
      this.#releases.set(database, release);
      return database;
    } catch (error) {
      release();
      throw error;
    }
  }
}
