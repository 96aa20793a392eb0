import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, isLSError, LSError, Replica, Store } from "@ls/core";
import { restore } from "@ls/core/restore";
import { FaultStore, firstDifference, modelOfLive, openDescriptors, type Random, temporaryFiles, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";

export interface ManyOptions {
  readonly databases: number;
  readonly ms: number;
  readonly sampleMs: number;
  readonly commitsPerSecond: number;
  readonly random: Random;
  readonly directory: string;
  readonly onSample?: ((line: string) => void) | undefined;
}

/** What this process held at one moment. */
export interface Sample {
  readonly seconds: number;
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly descriptors: number;
  /** Timers, watches and requests under way. */
  readonly resources: number;
  readonly temporaryFiles: number;
  readonly failing: number;
}

export interface ManyReport {
  readonly commits: number;
  readonly acknowledged: number;
  /** How often a fault was armed, by its kind. */
  readonly faultsArmed: Readonly<Record<string, number>>;
  readonly events: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** When nobody writes any more, and every database rests. */
  readonly atRest: Sample;
  readonly restored: number;
  readonly faults: readonly string[];
}

const KEEPING = {
  levels: [
    { level: 1, intervalMs: 5000 },
    { level: 2, intervalMs: 20_000 },
  ],
  snapshotIntervalMs: 60_000,
  snapshotRetentionMs: 120_000,
  l0RetentionMs: 5000,
};
/** A destination is spoiled so often, ms. */
const SPOIL_MS = 20;
/** Calls of one database that fail before the destination is well again. */
const SPOILED_CALLS = 5;
/** How long the last database may take to go to rest. */
const RESTING_MS = 180_000;

/** Many databases in one Store on this thread, with an application that commits to them in turn, and destinations that fail at random. */
export async function manyDatabases(options: ManyOptions): Promise<ManyReport> {
  return new ManyDatabases(options).run();
}

interface Member {
  readonly path: string;
  readonly db: DB;
  readonly client: FileReplicaClient;
  readonly faults: FaultStore;
  /** Transactions, and how many of them were acknowledged. */
  committed: number;
  acknowledged: number;
}

class ManyDatabases {
  readonly #options: ManyOptions;
  readonly #random: Random;
  readonly #members: Member[] = [];
  readonly #armed: Record<string, number> = {};
  readonly #events: Record<string, number> = {};
  readonly #samples: Sample[] = [];
  readonly #faults: string[] = [];
  readonly #waits = new Set<Promise<void>>();
  #commits = 0;
  #acknowledged = 0;

  constructor(options: ManyOptions) {
    this.#options = options;
    this.#random = options.random;
    mkdirSync(options.directory, { recursive: true });
    for (let i = 0; i < options.databases; i++) this.#members.push(this.#member(i));
  }

  #member(number: number): Member {
    const path = join(this.#options.directory, `${number}.db`);
    const app = new Database(path);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE ledger (n INTEGER PRIMARY KEY, body)");
    app.close();
    const client = new FileReplicaClient({ path: join(this.#options.directory, "replicas", String(number)) });
    const faults = new FaultStore(client);
    const db = new DB(path, { replica: new Replica(faults), driver: Database, host: "inline", restAfterMs: 2000 });
    return { path, db, client, faults, committed: 0, acknowledged: 0 };
  }

  async run(): Promise<ManyReport> {
    const store = new Store(
      this.#members.map(({ db }) => db),
      { ...KEEPING, onEvent: ({ type }) => (this.#events[type] = (this.#events[type] ?? 0) + 1) },
    );
    await store.open();
    const begun = performance.now();
    const isOver = (): boolean => performance.now() - begun > this.#options.ms;
    await Promise.all([this.#write(isOver), this.#spoil(isOver), this.#sample(begun, isOver)]);
    for (const { faults } of this.#members) faults.heal();
    await Promise.all(this.#waits);
    await Promise.all(this.#members.map((member) => this.#acknowledge(member)));
    // A merge at the destination is under way whatever the databases do.
    const isAtRest = (): boolean =>
      store.status().databases.every(({ replication, keeping }) => replication.phase === "resting" && keeping.doing === undefined);
    await waitFor("every database rests, and its destination is not being worked on", RESTING_MS, isAtRest, 100);
    const atRest = this.#take(begun);
    await store.close();
    await this.#compareAll();
    return {
      commits: this.#commits,
      acknowledged: this.#acknowledged,
      faultsArmed: this.#armed,
      events: this.#events,
      samples: this.#samples,
      atRest,
      restored: this.#members.length,
      faults: this.#faults,
    };
  }

  async #write(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const member = this.#random.pick(this.#members);
      const app = new Database(member.path, { timeout: 0 });
      try {
        app.prepare("INSERT INTO ledger VALUES (?, randomblob(?))").run(member.committed + 1, this.#random.int(10, 3000));
        // An application that stays small.
        app.prepare("UPDATE ledger SET body = NULL WHERE n < ?").run(member.committed - 20);
        member.committed++;
        this.#commits++;
      } catch (error) {
        if (!(error instanceof Database.SqliteError) || !error.code.startsWith("SQLITE_BUSY")) throw error;
      } finally {
        app.close();
      }
      if (this.#random.chance(0.1)) this.#wait(member);
      await sleep(this.#random.float() * (2000 / this.#options.commitsPerSecond));
    }
  }

  #wait(member: Member): void {
    const wait = this.#acknowledge(member).finally(() => this.#waits.delete(wait));
    this.#waits.add(wait);
  }

  async #acknowledge(member: Member): Promise<void> {
    const { committed } = member;
    for (;;) {
      try {
        await member.db.syncAndWait();
        member.acknowledged = Math.max(member.acknowledged, committed);
        this.#acknowledged++;
        return;
      } catch (error) {
        // What does not pass by itself is up to whoever asks: a full disk, such as that of the destination.
        if (!isLSError(error, "LS_DISK_FULL") && !(isLSError(error) && error.retryable)) {
          this.#faults.push(`syncAndWait() of ${member.path}: ${String(error)}`);
          return;
        }
        await sleep(200);
      }
    }
  }

  async #spoil(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      const { faults } = this.#random.pick(this.#members);
      faults.heal();
      const kind = this.#random.pick(["error", "delay", "stored, but an error", "disk full", "well again"]);
      this.#armed[kind] = (this.#armed[kind] ?? 0) + 1;
      const operation = this.#random.pick(["write", "list", "open", "delete"] as const);
      const times = this.#random.int(1, SPOILED_CALLS);
      if (kind === "error") faults.arm({ operation, fault: { kind: "fail" }, times });
      else if (kind === "delay") faults.arm({ operation: "write", fault: { kind: "slow", bytesPerSecond: this.#random.int(500, 50_000) }, times });
      else if (kind === "stored, but an error") faults.arm({ operation: "write", fault: { kind: "done-but-error" }, times });
      else if (kind === "disk full") {
        const error = new LSError("LS_DISK_FULL", "injected fault: the disk is full", { retryable: true });
        faults.arm({ operation: "write", fault: { kind: "fail", error }, times });
      }
      await sleep(SPOIL_MS);
    }
  }

  async #sample(begun: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await sleep(this.#options.sampleMs);
      const sample = this.#take(begun);
      this.#samples.push(sample);
      this.#options.onSample?.(JSON.stringify({ ...sample, commits: this.#commits }));
    }
  }

  #take(begun: number): Sample {
    globalThis.gc?.();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      seconds: Math.round((performance.now() - begun) / 1000),
      rssMiB: Math.round(rss / 2 ** 20),
      heapMiB: Math.round(heapUsed / 2 ** 20),
      descriptors: openDescriptors("self").length,
      resources: process.getActiveResourcesInfo().length,
      temporaryFiles: temporaryFiles(this.#options.directory).length,
      failing: this.#members.filter(({ db }) => db.status().phase === "failed").length,
    };
  }

  async #compareAll(): Promise<void> {
    const outputPath = join(this.#options.directory, "restored.db");
    for (const { path, client, committed, acknowledged } of this.#members) {
      if (acknowledged < committed) this.#faults.push(`${path}: ${acknowledged} of ${committed} transactions were acknowledged`);
      try {
        await restore(client, { outputPath, integrityCheck: "none" });
        const difference = firstDifference(outputPath, modelOfLive(path));
        if (difference !== undefined) this.#faults.push(`${path}: ${difference}`);
      } catch (error) {
        this.#faults.push(`${path}: ${String(error)}`);
      } finally {
        rmSync(outputPath, { force: true });
      }
    }
    const left = [...temporaryFiles(this.#options.directory), ...openDescriptors("self").filter((target) => target.startsWith(this.#options.directory))];
    if (left.length > 0) this.#faults.push(`left behind: ${left.join(", ")}`);
  }
}

/** What grew from the third quarter of the run to the last one by more than `share`; the first half is for warming up. */
export function growth(samples: readonly Sample[], share: number): string[] {
  const middle = samples.slice(Math.floor(samples.length / 2), Math.floor((samples.length * 3) / 4));
  const end = samples.slice(Math.floor((samples.length * 3) / 4));
  const keys = ["rssMiB", "heapMiB", "descriptors", "resources", "temporaryFiles"] as const;
  return keys.flatMap((key) => {
    const before = mean(middle.map((sample) => sample[key]));
    const after = mean(end.map((sample) => sample[key]));
    return after > before * (1 + share) + 5 ? [`${key}: ${before.toFixed(1)}, then ${after.toFixed(1)}`] : [];
  });
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / Math.max(1, numbers.length);
}
