import { lstatSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { DB } from "../../db/db.js";
import { type EventSink, reportOf } from "../../db/events.js";
import { fromURL } from "../../registry.js";
import { REPLICA_BRAND, Replica } from "../../replica/replica.js";
import type { CallOptions } from "../../replica-client.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";
import { resolveDriver } from "../../sqlite/resolve.js";
import type { Clock } from "../clock.js";
import { closeFailed } from "../close-failed.js";
import type { WatchEventBody } from "../events.js";
import type { Due, Scheduler } from "../scheduler.js";
import type { DirectoryWatch, DirectoryWatchStatus } from "./directory-watch.js";
import { DirectoryWatchers } from "./directory-watchers.js";
import { isDatabase } from "./is-database.js";
import { isCompanion } from "./names.js";
import type { ResolvedWatchOptions } from "./options.js";
import { type FileState, planWatch } from "./plan.js";
import { readTree } from "./tree.js";

/** One change makes several events; one look follows them all. */
const SETTLE_MS = 20;
/** Looking takes at most 1 / this of the time while nothing is told, and ten times that while much is. */
const REST_FACTOR = 100;
const MAX_REST_MS = 60_000;
/** Longest turn of looking at files before others on this thread get theirs. */
const TURN_MS = 10;
/** Waits before a refused database is tried again. */
const REFUSED_BASE_MS = 1000;
const REFUSED_MAX_MS = 60_000;

/** What a watch needs of its Store. */
export interface WatchingStore {
  has(path: string): boolean;
  /** Takes a database in, and starts it; one that fails is in the Store all the same. @throws when it cannot be taken in. */
  register(db: DB): { readonly started: Promise<void> };
  remove(db: DB, options: CallOptions): Promise<void>;
  /** A watch has ended for good. */
  ended(watch: WatchedDirectory): void;
}

export interface WatchContext {
  readonly store: WatchingStore;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly events: EventSink<WatchEventBody, object>;
}

/** Watches one directory for a Store. */
export class WatchedDirectory implements DirectoryWatch, Due {
  readonly root: string;
  readonly #options: ResolvedWatchOptions;
  readonly #context: WatchContext;
  readonly #driver: SQLiteDriver;
  readonly #watchers: DirectoryWatchers;
  readonly #files: Map<string, FileState> = new Map();
  readonly #databases: Map<string, DB> = new Map();
  /** Failures in a row of those that are refused. */
  readonly #refusals: Map<string, number> = new Map();
  readonly #unreadable: Set<string> = new Set();
  /** Defined while it watches. */
  #running: AbortController | undefined;
  #looking: Promise<void> | undefined;
  #lookMs = 0;
  /** Something was told while looking. */
  #isStale = false;
  /** A look is due as soon as may be: what is told meanwhile does not put it off. */
  #isSoon = false;
  readonly #leaving: Set<Promise<void>> = new Set();
  #closing: Promise<void> | undefined;

  /** @throws LSError `LS_DRIVER_REQUIRED` */
  constructor(options: ResolvedWatchOptions, context: WatchContext) {
    this.root = options.root;
    this.#options = options;
    this.#context = context;
    this.#driver = resolveDriver(options.databaseOptions.driver);
    this.#watchers = new DirectoryWatchers((directory, name, event) => this.#onEvent(directory, name, event));
  }

  /** Begins to watch. Resolves when everything that is there has been looked at, and what is a database was started or has failed. Never rejects. */
  async start(): Promise<void> {
    if (this.#running !== undefined || this.#closing !== undefined) return;
    const running = new AbortController();
    this.#running = running;
    // A look that pause() has ended may still be on its way out.
    await this.#looking;
    if (running.signal.aborted) return;
    const started: Promise<void>[] = [];
    await this.#look(started);
    await Promise.all(started);
  }

  /** Watches no more until `start`. The databases stay in the Store. */
  pause(): void {
    this.#running?.abort();
    this.#running = undefined;
    this.#isSoon = false;
    this.#isStale = false;
    this.#context.scheduler.set(this, undefined);
    this.#watchers.close();
  }

  async close({ signal }: CallOptions = {}): Promise<void> {
    this.#closing ??= this.#close(signal);
    await this.#closing;
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    this.pause();
    const { store } = this.#context;
    const outcomes = await Promise.allSettled([...this.#databases.values()].map((db) => store.remove(db, { signal })));
    this.#databases.clear();
    this.#files.clear();
    await Promise.all(this.#leaving);
    store.ended(this);
    const failures = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    if (failures.length > 0) throw closeFailed(failures);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get databases(): readonly DB[] {
    return [...this.#databases.values()];
  }

  status(): DirectoryWatchStatus {
    const files = [...this.#files];
    const of = (kind: FileState["kind"]): string[] => files.filter(([, state]) => state.kind === kind).map(([path]) => path);
    const refused = files.flatMap(([path, state]) => (state.kind === "refused" ? [{ path, error: state.error }] : []));
    return { root: this.root, databases: of("member"), waiting: of("waiting"), refused, unreadable: [...this.#unreadable] };
  }

  due(): void {
    void this.#look([]);
  }

  // ---- when to look

  #onEvent(directory: string, name: string | null, event: string): void {
    if (name !== null) {
      if (isCompanion(name)) return;
      // Writes to a database are its engine's concern; to a file that is none yet, they may make it one.
      if (event === "change" && this.#files.get(join(directory, name))?.kind !== "waiting") return;
    }
    this.#lookSoon();
  }

  #lookSoon(): void {
    if (this.#running === undefined || this.#isSoon) return;
    if (this.#looking !== undefined) {
      this.#isStale = true;
      return;
    }
    this.#isSoon = true;
    this.#lookIn(Math.max(SETTLE_MS, Math.min((this.#lookMs * REST_FACTOR) / 10, MAX_REST_MS)));
  }

  #lookIn(ms: number): void {
    this.#context.scheduler.set(this, this.#context.clock.now() + ms);
  }

  /** One at a time; schedules the next one. */
  #look(started: Promise<void>[]): Promise<void> {
    const running = this.#running;
    if (running === undefined) return Promise.resolve();
    this.#isSoon = false;
    this.#looking ??= this.#lookAt(running.signal, started).finally(() => {
      this.#looking = undefined;
      if (running.signal.aborted) return;
      if (this.#isStale) {
        this.#isStale = false;
        this.#lookSoon();
      } else if (this.#options.intervalMs > 0) {
        this.#lookIn(Math.max(this.#options.intervalMs, Math.min(this.#lookMs * REST_FACTOR, MAX_REST_MS)));
      }
    });
    return this.#looking;
  }

  async #lookAt(signal: AbortSignal, started: Promise<void>[]): Promise<void> {
    const { root, recursive, matches } = this.#options;
    const begun = performance.now();
    const tree = await readTree({ root, recursive, matches, entering: (directory) => this.#watchers.watch(directory), signal });
    this.#lookMs = performance.now() - begun;
    if (signal.aborted) return;
    this.#watchers.keepOnly(tree.directories);
    this.#reportUnreadable(tree.unlisted);
    const seen = { files: tree.files, unlisted: [...tree.unlisted.keys()], separator: sep };
    const { look, gone, forget } = planWatch(this.#files, seen, this.#context.clock.now());
    for (const path of forget) this.#forget(path);
    for (const path of gone) if (isGone(path)) this.#detach(path);
    let turn = performance.now();
    for (const path of look) {
      if (performance.now() - turn > TURN_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        turn = performance.now();
      }
      if (signal.aborted) return;
      this.#lookAtFile(path, started);
    }
  }

  #reportUnreadable(unlisted: ReadonlyMap<string, unknown>): void {
    for (const directory of this.#unreadable) if (!unlisted.has(directory)) this.#unreadable.delete(directory);
    for (const [directory, error] of unlisted) {
      if (this.#unreadable.has(directory)) continue;
      this.#unreadable.add(directory);
      this.#context.events.emit({ type: "directory-unreadable", directory, error: reportOf(error) });
    }
  }

  // ---- files

  #lookAtFile(path: string, started: Promise<void>[]): void {
    const { store } = this.#context;
    // Somebody else's: added by hand, or of another watch.
    if (store.has(path)) return;
    try {
      const stamp = stampOf(path);
      const known = this.#files.get(path);
      if (known?.kind === "waiting" && known.stamp === stamp) return;
      if (stamp === undefined || !isDatabase(this.#driver, path)) {
        this.#files.set(path, { kind: "waiting", stamp });
        return;
      }
      const db = this.#databaseAt(path);
      if (db === undefined) {
        this.#files.set(path, { kind: "ignored" });
        return;
      }
      const registered = store.register(db);
      this.#files.set(path, { kind: "member" });
      this.#databases.set(path, db);
      this.#refusals.delete(path);
      this.#context.events.emit({ type: "database-found", db: path });
      // A start that failed has been an event, and is repeated by the Store where that can help.
      started.push(registered.started.catch(() => {}));
    } catch (error) {
      this.#refuse(path, error);
    }
  }

  /** @returns undefined for a file that is to be left alone. */
  #databaseAt(path: string): DB | undefined {
    const { replicaFor, databaseOptions } = this.#options;
    const target = replicaFor(path, relative(this.root, path).replaceAll(sep, "/"));
    if (target === undefined) return undefined;
    const client = typeof target === "string" ? fromURL(target) : target;
    // `as`: what carries the brand is a Replica, of whichever copy of this package.
    const replica = REPLICA_BRAND.read(client) === undefined ? new Replica(client as ConstructorParameters<typeof Replica>[0]) : (client as Replica);
    return new DB(path, { ...databaseOptions, replica });
  }

  #refuse(path: string, error: unknown): void {
    const failures = (this.#refusals.get(path) ?? 0) + 1;
    this.#refusals.set(path, failures);
    const report = reportOf(error);
    const nextMs = this.#context.clock.now() + Math.min(REFUSED_BASE_MS * 2 ** (failures - 1), REFUSED_MAX_MS);
    this.#files.set(path, { kind: "refused", nextMs, error: report });
    this.#context.events.emit({ type: "database-refused", db: path, error: report, failures, nextRetryAt: new Date(nextMs) });
  }

  #forget(path: string): void {
    this.#files.delete(path);
    this.#refusals.delete(path);
  }

  /** What was cut of a database that is gone still goes to its destination. */
  #detach(path: string): void {
    const db = this.#databases.get(path);
    if (db === undefined) return;
    this.#databases.delete(path);
    this.#files.set(path, { kind: "leaving" });
    const { store, events } = this.#context;
    const left = store
      .remove(db, {})
      .then(
        () => undefined,
        (error: unknown) => reportOf(error),
      )
      .then((error) => {
        events.emit({ type: "database-gone", db: path, error });
        this.#forget(path);
        this.#leaving.delete(left);
        // Another one may be there by now.
        this.#lookSoon();
      });
    this.#leaving.add(left);
  }
}

/** What tells whether a file is as it was: a file that is no database is opened again only after it has changed. */
function stampOf(path: string): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() === true ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : undefined;
}

/** Whether it is certain that there is no such file any more. */
function isGone(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isFile() !== true;
  } catch {
    return false;
  }
}
