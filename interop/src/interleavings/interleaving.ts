import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DB, isLSError, Replica, Store } from "@ls/core";
import { restore } from "@ls/core/restore";
import { FaultStore, firstDifference, MemoryClient, modelOf, openDescriptors, type Random, temporaryFiles, withDeadline } from "@ls/testkit";
import Database from "better-sqlite3";
import { ApplicationSide } from "./application-side.js";
import type { Tally } from "./tally.js";

/** What a call may reject with, beside the reason of its own signal; each says what its documentation says it does. */
const DOCUMENTED = ["LS_NOT_OPEN", "LS_NOT_READY", "LS_NOT_DURABLE", "LS_STORAGE_UNAVAILABLE"] as const;
/** No call may be under way for longer than this, ms. */
const PENDING_MS = 120_000;
/** How long a descriptor may outlive the last close, ms. */
const LEAVING_MS = 5000;

type Call = "open" | "close" | "add" | "remove" | "sync" | "syncAndWait" | "snapshot" | "checkpoint" | "syncStatus" | "verify";
/** Opened more often than closed: a closed database answers everything alike. */
const WEIGHTS: Readonly<Record<Call, number>> = {
  open: 4,
  close: 1,
  add: 3,
  remove: 1,
  sync: 3,
  syncAndWait: 3,
  snapshot: 2,
  checkpoint: 2,
  syncStatus: 1,
  verify: 1,
};
// `as`: the keys are those of the record.
const CALLS = (Object.keys(WEIGHTS) as Call[]).flatMap((call) => Array<Call>(WEIGHTS[call]).fill(call));
/** Calls after which everything that was committed before is at the destination. */
const PROMISES: ReadonlySet<Call> = new Set(["syncAndWait", "close", "remove", "snapshot"]);

/** One database in one Store, or without one, and a random sequence of calls on both. */
export class Interleaving {
  readonly #random: Random;
  readonly #directory: string;
  readonly #tally: Tally;
  readonly #destination = new MemoryClient();
  readonly #application: ApplicationSide;
  readonly #db: DB;
  /** Half of the cases have none: the database is opened and closed by itself. */
  readonly #store: Store | undefined;
  readonly #running: Promise<void>[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #did: string[] = [];
  #restored = 0;

  constructor(random: Random, directory: string, tally: Tally) {
    this.#random = random;
    this.#directory = directory;
    this.#tally = tally;
    this.#application = new ApplicationSide(join(directory, "a.db"), random);
    const client = new FaultStore(this.#destination);
    if (random.chance(0.4)) armRandomly(client, random);
    this.#db = new DB(join(directory, "a.db"), {
      replica: new Replica(client, { syncIntervalMs: random.pick([0, 10, 50]) }),
      driver: Database,
      host: random.chance(0.15) ? "worker" : "inline",
      monitorIntervalMs: random.pick([10, 50, 1000]),
      minCheckpointPages: random.pick([1, 10, 1000]),
      restAfterMs: random.pick([10, 30, 5000]),
    });
    this.#store = random.chance(0.7) ? this.#createStore() : undefined;
  }

  #createStore(): Store {
    const random = this.#random;
    return new Store(random.chance(0.8) ? [this.#db] : [], {
      levels: [
        { level: 1, intervalMs: random.pick([10, 30]) },
        { level: 2, intervalMs: random.pick([50, 100]) },
      ],
      snapshotIntervalMs: random.pick([20, 100]),
      snapshotRetentionMs: random.pick([30, 200]),
      l0RetentionMs: 10,
      onEvent: ({ type }) => {
        if (["compacted", "snapshot", "retention", "damaged-file", "keeping-failed"].includes(type)) this.#tally.kept(type);
        if (type === "damaged-file") this.#fault("a damaged file was found");
      },
    });
  }

  async run(): Promise<void> {
    try {
      for (let steps = this.#random.int(6, 30); steps > 0; steps--) {
        this.#step();
        if (this.#random.chance(0.4)) await sleep(this.#random.int(0, 6));
        else if (this.#random.chance(0.5)) await new Promise((resolve) => setImmediate(resolve));
      }
      await withDeadline("the end of every call", PENDING_MS, Promise.all(this.#running));
      await withDeadline("the last comparison", PENDING_MS, this.#expectEverything());
      await withDeadline("the last close", PENDING_MS, this.#end());
      await this.#expectNothingLeft();
    } catch (error) {
      this.#fault(describe(error));
      await this.#end().catch(() => {});
    } finally {
      for (const timer of this.#timers) clearTimeout(timer);
      this.#application.close();
    }
  }

  #step(): void {
    if (this.#random.chance(0.5)) {
      this.#did.push(this.#application.act());
      return;
    }
    const call = this.#random.pick(CALLS);
    const signal = this.#random.chance(0.3) ? this.#randomSignal() : undefined;
    this.#did.push(signal === undefined ? call : `${call} (aborted)`);
    this.#running.push(this.#observe(call, signal));
  }

  #randomSignal(): AbortSignal {
    const controller = new AbortController();
    const when = this.#random.int(-3, 12);
    if (when < 0) controller.abort();
    else {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        controller.abort();
      }, when);
      this.#timers.add(timer);
    }
    return controller.signal;
  }

  async #observe(call: Call, signal: AbortSignal | undefined): Promise<void> {
    this.#tally.call(call);
    const { committed } = this.#application;
    const isConcerned = this.#concerns(call);
    try {
      await this.#invoke(call, signal === undefined ? {} : { signal });
      this.#tally.end("ok");
    } catch (error) {
      this.#judge(call, signal, error);
      return;
    }
    // Of a database that was not being replicated, nothing is promised by a close that had nothing to do.
    if (!PROMISES.has(call) || ((call === "close" || call === "remove") && !isConcerned)) return;
    this.#tally.acknowledged++;
    if (this.#random.chance(0.3)) await this.#expectAtLeast(committed, call);
  }

  /** Whether replication runs, and this call is about it. */
  #concerns(call: Call): boolean {
    if (!["replicating", "resting", "paused", "retrying"].includes(this.#db.status().phase)) return false;
    return this.#store === undefined ? call !== "remove" : this.#store.status().databases.length > 0;
  }

  async #invoke(call: Call, options: { readonly signal?: AbortSignal }): Promise<unknown> {
    const db = this.#db;
    const store = this.#store;
    switch (call) {
      case "open":
        return (store ?? db).open(options);
      case "close":
        return (store ?? db).close(options);
      case "add":
        return store?.add(db, options);
      case "remove":
        return store?.remove(db, options);
      case "verify":
        return this.#verify(options);
      default:
        return db[call](options);
    }
  }

  async #verify(options: { readonly signal?: AbortSignal }): Promise<void> {
    for (const issues of (await this.#store?.verify(options))?.values() ?? [])
      if (issues.length > 0) this.#fault(`verify: ${JSON.stringify(issues, bigintsAsText)}`);
  }

  #judge(call: Call, signal: AbortSignal | undefined, error: unknown): void {
    if (signal?.aborted === true && error === signal.reason) this.#tally.end("aborted");
    else if (isLSError(error) && DOCUMENTED.some((code) => error.code === code)) this.#tally.end(error.code);
    else this.#fault(`${call} rejected with ${describe(error)}`);
  }

  async #expectAtLeast(committed: number, after: string): Promise<void> {
    const output = join(this.#directory, `restored-${this.#restored++}.db`);
    try {
      await restore(this.#destination, { outputPath: output, integrityCheck: "none" });
      this.#tally.compared++;
      const found = committedIn(output);
      if (found < committed) this.#fault(`${found} transactions at the destination after ${after}, ${committed} were acknowledged`);
    } catch (error) {
      this.#fault(`restore after ${after}: ${describe(error)}`);
    } finally {
      rmSync(output, { force: true });
    }
  }

  /** In the end everything works again, and what is restored is the database. */
  async #expectEverything(): Promise<void> {
    if (this.#store !== undefined) {
      await this.#store.open();
      await this.#store.add(this.#db);
    } else await this.#db.open();
    const model = modelOf(this.#application.image());
    const txid = await this.#syncAndWait();
    const output = join(this.#directory, "restored.db");
    await restore(this.#destination, { outputPath: output, txid, integrityCheck: "full", driver: Database });
    this.#tally.compared++;
    const difference = firstDifference(output, model);
    rmSync(output, { force: true });
    if (difference !== undefined) this.#fault(`at the end, TXID ${txid}: ${difference}`);
  }

  /** The faults of the destination pass, but a call may still meet one. */
  async #syncAndWait(): Promise<bigint> {
    for (;;) {
      try {
        return await this.#db.syncAndWait();
      } catch (error) {
        if (!isLSError(error, "LS_STORAGE_UNAVAILABLE") && !isLSError(error, "LS_NOT_READY")) throw error;
        await sleep(20);
      }
    }
  }

  async #end(): Promise<void> {
    await this.#store?.close();
    await this.#db.close();
  }

  async #expectNothingLeft(): Promise<void> {
    this.#application.close();
    // A read that was under way when its merge was given up ends on its own, a moment later.
    const end = performance.now() + LEAVING_MS;
    while (this.#left().length > 0 && performance.now() < end) await sleep(10);
    const left = this.#left();
    if (left.length > 0) this.#fault(`left behind: ${left.join(", ")}`);
  }

  #left(): string[] {
    const descriptors = openDescriptors("self").filter((target) => target.startsWith(`${this.#directory}/`));
    const { phase } = this.#db.status();
    return [
      ...temporaryFiles(this.#directory).map((file) => `temporary file ${file}`),
      ...descriptors.map((target) => `descriptor of ${target}`),
      ...(phase === "closed" ? [] : [`phase ${phase}`]),
    ];
  }

  #fault(text: string): void {
    this.#tally.fault(`case ${this.#random.seed} (${this.#store === undefined ? "alone" : "in a Store"}): ${text}; after ${this.#did.join(", ")}`);
  }
}

function armRandomly(client: FaultStore, random: Random): void {
  for (let rules = random.int(1, 3); rules > 0; rules--) {
    const operation = random.pick(["write", "write", "list", "open", "delete"] as const);
    const kind = operation === "write" || operation === "delete" ? random.pick(["fail", "done-but-error"] as const) : "fail";
    client.arm({ operation, fault: { kind }, after: random.int(0, 20), times: random.int(1, 3) });
  }
}

/** The highest number of the application's transactions in a restored database. */
function committedIn(path: string): number {
  const db = new Database(path, { readonly: true });
  try {
    // `as`: one integer.
    return db.prepare("SELECT coalesce(max(n), 0) FROM ledger").pluck().get() as number;
  } finally {
    db.close();
  }
}

function bigintsAsText(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? `${String(error.code)} ` : `${error.name} `;
  return `${code}${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ""}`;
}
