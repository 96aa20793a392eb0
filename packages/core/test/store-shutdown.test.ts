import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { Program, type ProgramEnd } from "../../../testkit/src/program.js";
import { FileReplicaClient } from "../../backend-file/src/client.js";
import { DB } from "../src/db/db.js";
import type { DBOptions } from "../src/db/options.js";
import { isLSError, LSError } from "../src/errors.js";
import { Replica } from "../src/replica/replica.js";
import type { ReplicaClient } from "../src/replica-client.js";
import { restore } from "../src/restore/restore.js";
import type { StoreOptions } from "../src/store/options.js";
import { Store } from "../src/store/store.js";
import { openWAL, sleep, tempDirectory, until } from "./harness.js";

const THROTTLED: LSError = new LSError("LS_STORAGE_UNAVAILABLE", "429: slow down", { retryable: true });

let directory: ReturnType<typeof tempDirectory>;
let apps: Database.Database[];
let stores: Store[];

beforeEach(() => {
  directory = tempDirectory();
  apps = [];
  stores = [];
});
afterEach(async () => {
  for (const store of stores) await store.close({ signal: AbortSignal.abort() }).catch(() => {});
  for (const app of apps) app.close();
  directory[Symbol.dispose]();
});

interface Written {
  readonly db: DB;
  readonly app: Database.Database;
}

function written(name: string, client: ReplicaClient, options: Partial<DBOptions> = {}): Written {
  const path = join(directory.path, name);
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v)");
  apps.push(app);
  return { app, db: new DB(path, { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline", ...options }) };
}

function storeOf(dbs: readonly DB[], options: StoreOptions = {}): Store {
  const store = new Store(dbs, options);
  stores.push(store);
  return store;
}

async function rowsOf(client: ReplicaClient): Promise<unknown[]> {
  const outputPath = join(directory.path, `restored-${Math.random()}.db`);
  await restore(client, { outputPath });
  const restored = new Database(outputPath, { readonly: true });
  try {
    return restored.prepare("SELECT v FROM t").pluck().all();
  } finally {
    restored.close();
  }
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

interface Missing {
  readonly path: string;
  readonly firstMissingTXID: bigint;
}

function missingIn(error: unknown): readonly Missing[] {
  if (!isLSError(error, "LS_NOT_DURABLE")) throw new Error(`not LS_NOT_DURABLE: ${String(error)}`);
  // `as`: the details of this code.
  return error.details.databases as readonly Missing[];
}

test("[H1] what is throttled during close() is repeated until it has arrived", async () => {
  const faults = new FaultStore(new MemoryClient());
  const { app, db } = written("a.db", faults);
  const store = storeOf([db]);
  await store.open();
  await db.syncAndWait();
  const hits = faults.arm({ operation: "write", fault: { kind: "fail", error: THROTTLED }, times: 4 });
  app.exec("INSERT INTO t VALUES ('last')");
  await store.close();
  expect(hits()).toBe(4);
  expect(await rowsOf(faults)).toEqual(["last"]);
});

test("after shutdownTimeoutMs it says of each database from which TXID on it is not durable, and the others are", async () => {
  const [bad, worse] = [new FaultStore(new MemoryClient()), new FaultStore(new MemoryClient())];
  const good = new MemoryClient();
  // One would take its time if the Store let it.
  const databases = { bad: written("bad.db", bad), worse: written("worse.db", worse, { shutdownTimeoutMs: 60_000 }), good: written("good.db", good) };
  const store = storeOf(
    Object.values(databases).map(({ db }) => db),
    { shutdownTimeoutMs: 700, levels: [{ level: 0 }], snapshotIntervalMs: 0 },
  );
  await store.open();
  await Promise.all(Object.values(databases).map(({ db }) => db.syncAndWait()));
  databases.bad.app.exec("INSERT INTO t VALUES ('arrives')");
  await databases.bad.db.syncAndWait();
  bad.arm({ operation: "write", fault: { kind: "fail", error: THROTTLED } });
  worse.arm({ operation: "write", fault: { kind: "hang" } });
  for (const { app } of Object.values(databases)) app.exec("INSERT INTO t VALUES ('last')");
  const begun = Date.now();
  const error = await failureOf(store.close());
  expect(Date.now() - begun).toBeGreaterThanOrEqual(650);
  expect(missingIn(error)).toEqual([
    { path: databases.bad.db.path, firstMissingTXID: 3n },
    { path: databases.worse.db.path, firstMissingTXID: 2n },
  ]);
  expect(String(error)).toContain(`${databases.worse.db.path} from TXID 2 on`);
  expect(await rowsOf(good)).toEqual(["last"]);
  expect(store.status()).toMatchObject({ phase: "closed", databases: [{}, {}, {}].map(() => ({ replication: { phase: "closed" } })) });
  // Nothing was lost: it is there after the next start.
  bad.heal();
  worse.heal();
  await store.open();
  await store.close();
  expect(await rowsOf(bad)).toEqual(["arrives", "last"]);
  expect(await rowsOf(worse)).toEqual(["last"]);
});

describe("[H2] a second signal ends it at once", () => {
  test.each(["a failure that is waited out", "a request that hangs"])("%s", async (what) => {
    const faults = new FaultStore(new MemoryClient());
    const { app, db } = written("a.db", faults);
    const store = storeOf([db]);
    await store.open();
    await db.syncAndWait();
    faults.arm({ operation: "write", fault: what === "a request that hangs" ? { kind: "hang" } : { kind: "fail", error: THROTTLED } });
    app.exec("INSERT INTO t VALUES ('last')");
    const first = failureOf(store.close());
    await sleep(100);
    const begun = Date.now();
    const second = failureOf(store.close({ signal: AbortSignal.abort(new Error("second signal")) }));
    const errors = await Promise.all([first, second]);
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(errors[1]).toBe(errors[0]);
    expect(missingIn(errors[0])).toEqual([{ path: db.path, firstMissingTXID: 2n }]);
  });

  test("also of a database that is being taken out", async () => {
    const faults = new FaultStore(new MemoryClient());
    const { app, db } = written("a.db", faults);
    const store = storeOf([db]);
    await store.open();
    await db.syncAndWait();
    faults.arm({ operation: "write", fault: { kind: "hang" } });
    app.exec("INSERT INTO t VALUES ('last')");
    const removed = failureOf(store.remove(db));
    await sleep(50);
    const closed = failureOf(store.close());
    await sleep(50);
    const begun = Date.now();
    await store.close({ signal: AbortSignal.abort() }).catch(() => {});
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(isLSError(await removed, "LS_NOT_DURABLE")).toBe(true);
    expect(await closed).toBeUndefined();
    expect(db.status().phase).toBe("closed");
  });
});

test("a client that ignores its signal holds close() up for seconds, not for ever", async () => {
  class Deaf extends MemoryClient {
    isDeaf = false;
    override async writeLTXFile(...args: Parameters<MemoryClient["writeLTXFile"]>): ReturnType<MemoryClient["writeLTXFile"]> {
      if (this.isDeaf && args[0].level > 0) await new Promise(() => {});
      return super.writeLTXFile(...args);
    }
  }
  const client = new Deaf();
  const { app, db } = written("a.db", client);
  const store = storeOf([db], { levels: [{ level: 1, intervalMs: 100 }], snapshotIntervalMs: 0 });
  await store.open();
  client.isDeaf = true;
  await until("something is being merged", () => {
    app.exec("INSERT INTO t VALUES ('more')");
    return store.status().databases[0]?.keeping.doing?.work === "merge";
  });
  app.exec("INSERT INTO t VALUES ('last')");
  await store.close();
  expect((await rowsOf(client)).at(-1)).toBe("last");
});

test("[H4] opened, written and closed at once: the row is durable", async () => {
  const client = new MemoryClient();
  const { app, db } = written("a.db", client);
  const store = storeOf([db]);
  const opening = failureOf(store.open());
  app.exec("INSERT INTO t VALUES ('quick')");
  await store.close();
  await opening;
  expect(await rowsOf(client)).toEqual(["quick"]);
});

test("[H6, L10] closing twice, at the same time, and after a failed open; nothing stays behind that keeps a process alive", async () => {
  const { code, output } = await run(`
    const dbOf = (name) => new DB(folder + "/" + name, { replica: new Replica(new FileReplicaClient({ path: folder + "/replica-" + name })), driver: Database });
    writeFileSync(folder + "/junk.db", "no database ".repeat(1000));
    const failed = new Store([dbOf("junk.db")]);
    await failed.open().then(() => process.exit(3), () => {});
    await failed.close();
    const store = new Store([dbOf("a.db")], { heartbeatURL: "http://127.0.0.1:9/", onEvent() {} });
    await store.open();
    await store.watchDirectory(folder, { replicaFor: () => undefined });
    await Promise.all([store.close(), store.close()]);
    await store.close();
    console.log("closed");
  `);
  expect(output).toBe("closed\n");
  expect(code).toBe(0);
});

test("[L10] what waits to upload the last rows keeps a process alive that has nothing else to do", async () => {
  const { code, output } = await run(`
    let failures = 0;
    class Away extends FileReplicaClient {
      async writeLTXFile(ref, data, options) {
        if (failures-- > 0) throw new LSError("LS_STORAGE_UNAVAILABLE", "503", { retryable: true });
        return super.writeLTXFile(ref, data, options);
      }
    }
    const db = new DB(folder + "/a.db", { replica: new Replica(new Away({ path: folder + "/replica" })), driver: Database, host: "inline" });
    await db.open();
    await db.syncAndWait();
    failures = 2;
    app.exec("INSERT INTO t VALUES ('last')");
    void db.close().then(() => console.log("closed"));
  `);
  expect(output).toBe("closed\n");
  expect(code).toBe(0);
  expect(await rowsOf(new FileReplicaClient({ path: join(directory.path, "replica") }))).toEqual([1, "last"]);
});

/** Runs a program to its end: it has the built packages, and in `folder` the database `a.db` with one row, open as `app`. */
async function run(body: string): Promise<ProgramEnd> {
  const script = `
    import { createRequire } from "node:module";
    import { DB, LSError, Replica, Store } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
    import { FileReplicaClient } from ${JSON.stringify(new URL("../../backend-file/dist/client.js", import.meta.url).href)};
    import { writeFileSync } from "node:fs";
    const Database = createRequire(${JSON.stringify(import.meta.url)})("better-sqlite3");
    const [, , folder] = process.argv;
    const app = new Database(folder + "/a.db");
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (1)");
    ${body}
  `;
  const program = join(directory.path, "program.mjs");
  writeFileSync(program, script);
  return await Program.run(program, { cwd: directory.path, args: [directory.path] });
}
