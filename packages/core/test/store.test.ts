import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { RequestCounter } from "../../../testkit/src/request-counter.js";
import { FileReplicaClient } from "../../backend-file/src/client.js";
import { verifyLevels } from "../src/compaction/verify.js";
import { DB } from "../src/db/db.js";
import { isLSError } from "../src/errors.js";
import { ALL_LEVELS } from "../src/levels.js";
import { Replica } from "../src/replica/replica.js";
import type { LTXFileInfo, ReplicaClient } from "../src/replica-client.js";
import { restore } from "../src/restore/restore.js";
import type { StoreEvent } from "../src/store/events.js";
import type { StoreOptions } from "../src/store/options.js";
import { Store } from "../src/store/store.js";
import { sleep, tempDirectory, until } from "./harness.js";

const FAST: StoreOptions = {
  levels: [
    { level: 1, intervalMs: 200 },
    { level: 2, intervalMs: 1000 },
  ],
  snapshotIntervalMs: 1500,
  snapshotRetentionMs: 3000,
  l0RetentionMs: 400,
};

let directory: ReturnType<typeof tempDirectory>;
let sources: Database.Database[];
let stores: Store[];
let dbs: DB[];

beforeEach(() => {
  directory = tempDirectory();
  sources = [];
  stores = [];
  dbs = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of stores) await store.close({ signal: AbortSignal.abort() }).catch(() => {});
  for (const db of dbs) await db.close({ signal: AbortSignal.abort() }).catch(() => {});
  for (const source of sources) source.close();
  directory[Symbol.dispose]();
});

const path = (name: string): string => join(directory.path, name);

function source(name: string): Database.Database {
  const database = new Database(path(name));
  database.pragma("journal_mode = WAL");
  database.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v BLOB)");
  sources.push(database);
  return database;
}

function database(name: string, client: ReplicaClient = new FileReplicaClient({ path: path(`${name}-replica`) })): DB {
  const db = new DB(path(name), { replica: new Replica(client, { syncIntervalMs: 50 }), driver: Database, host: "inline" });
  dbs.push(db);
  return db;
}

function storeOf(members: readonly DB[], options: StoreOptions = {}): Store {
  const store = new Store(members, options);
  stores.push(store);
  return store;
}

function insert(to: Database.Database, bytes = 500): void {
  to.prepare("INSERT INTO t (v) VALUES (randomblob(?))").run(bytes);
}

async function listed(client: ReplicaClient): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for (const level of ALL_LEVELS) for await (const file of client.ltxFiles(level)) files.push(file);
  return files;
}

async function expectSame(client: ReplicaClient, original: Database.Database): Promise<void> {
  const outputPath = path(`restored-${Math.random()}.db`);
  const result = await restore(client, { outputPath, integrityCheck: "full", driver: Database });
  expect(result.damaged).toEqual([]);
  const restored = new Database(outputPath, { readonly: true });
  try {
    expect(restored.prepare("SELECT * FROM t").all()).toEqual(original.prepare("SELECT * FROM t").all());
  } finally {
    restored.close();
  }
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a database in a Store", () => {
  test("is compacted, gets snapshots, loses what is past its time, and restores", async () => {
    const original = source("a.db");
    const db = database("a.db");
    const events: StoreEvent[] = [];
    const store = storeOf([db], { ...FAST, onEvent: (event) => events.push(event) });
    await store.open();
    const end = Date.now() + 5000;
    const uploads = (): number => events.filter((event) => event.type === "uploaded").length;
    while (Date.now() < end || uploads() <= 40) {
      insert(original);
      await sleep(30);
    }
    await db.syncAndWait();
    const { client } = db.replica;
    await expectSame(client, original);
    const files = await listed(client);
    expect(verifyLevels(files)).toEqual([]);
    const count = (level: number): number => files.filter((file) => file.level === level).length;
    const cuts = uploads();
    expect(cuts).toBeGreaterThan(40);
    expect(count(0)).toBeLessThan(40);
    expect([count(1) > 5, count(2) > 0, count(9) > 0]).toEqual([true, true, true]);
    expect(events.filter((event) => event.type === "snapshot").length).toBeGreaterThan(1);
    const kinds = new Set(events.map((event) => event.type));
    for (const kind of ["phase", "attached", "cut", "uploaded", "compacted", "snapshot", "retention"]) expect(kinds).toContain(kind);
    expect(events.filter((event) => event.type === "keeping-failed" || event.type === "damaged-file")).toEqual([]);
    const status = store.status();
    expect(status.phase).toBe("open");
    const [one] = status.databases;
    expect(one?.path).toBe(db.path);
    expect(one?.replication.phase).toBe("replicating");
    expect(one?.keeping.levels?.map((level) => level.level)).toEqual([0, 1, 2, 9]);
    // Nothing is committed any more: once the last merges and deletions are over, it knows of every file.
    const known = (): number => store.status().databases[0]?.keeping.levels?.reduce((sum, level) => sum + level.files, 0) ?? 0;
    await until("status() counts what is there", async () => known() > 0 && known() === (await listed(client)).length);
    await store.close();
    expect(store.status().databases[0]?.replication.phase).toBe("closed");
    await expectSame(client, original);
  });

  test("at rest causes no request", async () => {
    const original = source("a.db");
    const counter = new RequestCounter(new MemoryClient());
    const db = database("a.db", counter);
    const store = storeOf([db], FAST);
    await store.open();
    for (let i = 0; i < 10; i++) {
      insert(original);
      await sleep(60);
    }
    await db.syncAndWait();
    await sleep(4500);
    counter.reset();
    await sleep(2000);
    expect(counter.total).toBe(0);
    expect(store.status().databases[0]?.keeping.nextAt).toBeUndefined();
  });

  test("[L3] the listing of attaching is the only one", async () => {
    const original = source("a.db");
    const counter = new RequestCounter(new MemoryClient());
    const db = database("a.db", counter);
    const store = storeOf([db], { ...FAST, l0RetentionMs: 0, snapshotRetentionMs: 0 });
    await store.open();
    for (let i = 0; i < 20; i++) {
      insert(original);
      await sleep(60);
    }
    await db.syncAndWait();
    expect(store.status().databases[0]?.keeping.levels?.some((level) => level.level === 1)).toBe(true);
    expect(counter.count("list")).toBe(ALL_LEVELS.length);
  });

  test("can be added and taken out while others run; what it had is durable then", async () => {
    const [a, b] = [source("a.db"), source("b.db")];
    const [dbA, dbB] = [database("a.db"), database("b.db")];
    const store = storeOf([dbA], FAST);
    await store.open();
    await Promise.all([store.add(dbB), store.add(dbB)]);
    insert(a);
    insert(b);
    await Promise.all([store.remove(dbB), store.remove(dbB)]);
    expect(dbB.status().phase).toBe("closed");
    await expectSame(dbB.replica.client, b);
    expect(store.status().databases.map((one) => one.path)).toEqual([dbA.path]);
    // It is nobody's now: it may be used alone, or by another Store.
    await dbB.open();
    await dbB.close();
    const other = storeOf([dbB]);
    await other.open();
    await other.close();
    await dbA.syncAndWait();
    await expectSame(dbA.replica.client, a);
  });

  test("[C5, J10, M11] gives its observer, logger and timeout to databases that have none", async () => {
    source("a.db");
    source("b.db");
    const [ofStore, own, lines] = [[] as string[], [] as string[], [] as string[]];
    const log = (message: string, fields?: object): void => void lines.push(`${message} ${fields !== undefined && "db" in fields ? fields.db : ""}`);
    const logger = { debug: log, info: log, warn: log, error: log };
    const dbA = database("a.db");
    const dbB = new DB(path("b.db"), {
      replica: new Replica(new MemoryClient()),
      driver: Database,
      host: "inline",
      onEvent: (event) => own.push(event.type),
    });
    dbs.push(dbB);
    const store = storeOf([dbA, dbB], { logger, onEvent: (event) => ofStore.push(`${event.db === dbA.path ? "a" : "b"} ${event.type}`) });
    await store.open();
    await store.close();
    expect(ofStore).toContain("a attached");
    expect(ofStore).not.toContain("b attached");
    expect(own).toContain("attached");
    expect(lines.filter((line) => line.startsWith("attached")).sort()).toEqual([`attached ${dbA.path}`, `attached ${dbB.path}`]);
    // Every line says which database it is about.
    expect(lines.filter((line) => !line.endsWith(dbA.path) && !line.endsWith(dbB.path))).toEqual([]);
  });
});

/** Where something is no plain data: nothing but these survives `structuredClone`, `JSON` with a replacer for bigints, or a message between threads. */
function notPlain(value: unknown, at = ""): string[] {
  if (value === null || ["undefined", "boolean", "number", "bigint", "string"].includes(typeof value) || value instanceof Date) return [];
  const isPlain = typeof value === "object" && [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value));
  return isPlain ? Object.entries(value).flatMap(([key, inner]) => notPlain(inner, `${at}.${key}`)) : [at];
}

test("[M13] results, status, metrics and events are plain data, and the caller's own: what was given once does not change", async () => {
  const original = source("a.db");
  const client = new FaultStore(new MemoryClient());
  const db = database("a.db", client);
  const events: StoreEvent[] = [];
  const store = storeOf([db], { ...FAST, onEvent: (event) => events.push(event) });
  await store.open();
  insert(original);
  client.arm({ operation: "write", fault: { kind: "fail" }, times: 2 });
  await db.syncAndWait();
  const early = [store.status(), store.metrics(), await db.syncStatus(), await db.checkpoint(), await db.snapshot()];
  const copies = structuredClone(early);
  for (let i = 0; i < 20; i++) insert(original, 50_000);
  await db.syncAndWait();
  const happened = (kind: string): boolean => events.some(({ type }) => type === kind);
  await until("it is kept", () => {
    insert(original);
    return ["compacted", "snapshot", "retention"].every(happened);
  });
  expect(store.metrics()).not.toEqual(early[1]);
  expect(early).toEqual(copies);
  await store.close();
  expect(notPlain({ early, late: [store.status(), store.metrics()], events })).toEqual([]);
  expect(["phase", "attached", "cut", "upload-failed", "uploaded", "recovered"].filter((kind) => !happened(kind))).toEqual([]);
});

describe("refused", () => {
  test("[J12] two databases on one destination, whether the same client or the same place", async () => {
    const client = new MemoryClient();
    expect(() => storeOf([database("a.db", client), database("b.db", client)])).toThrow(/replicates to this destination already/);
    const place = path("replica");
    const [first, second] = [database("c.db", new FileReplicaClient({ path: place })), database("d.db", new FileReplicaClient({ path: place }))];
    const store = storeOf([first]);
    expect(isLSError(await rejection(store.add(second)), "LS_CONFLICT")).toBe(true);
    expect(store.status().databases).toHaveLength(1);
    // Who is taken out leaves its destination to others.
    await store.remove(first);
    await store.add(second);
    expect(isLSError(await rejection(store.add(first)), "LS_CONFLICT")).toBe(true);
    // A constructor that threw has let go of all databases.
    const again = database("e.db");
    expect(() => storeOf([again, database("e.db", new MemoryClient())])).toThrow(/in the Store already/);
    storeOf([again]);
  });

  test("a database of another Store, an open one, and what is none", async () => {
    source("a.db");
    const db = database("a.db");
    storeOf([db]);
    expect(() => storeOf([db])).toThrow(/belongs to a Store already/);
    const open = database("b.db");
    await open.open();
    expect(() => storeOf([open])).toThrow(/is open/);
    // `as`: the point is what a caller without types may pass.
    expect(() => storeOf(["a.db" as never])).toThrow(/must be DBs/);
  });

  test.each<[unknown, RegExp]>([
    [{ level: [] }, /did you mean "levels"/],
    [{ snapshotIntervalMs: 5 }, /snapshotIntervalMs/],
    [{ l0RetentionMs: -1 }, /l0RetentionMs/],
    [{ snapshotRetentionMs: Number.POSITIVE_INFINITY }, /snapshotRetentionMs/],
    [{ parallelism: 0 }, /parallelism/],
    [{ onEvent: 1 }, /onEvent/],
    [{ logger: {} }, /logger/],
  ])("option %j", (options, message) => {
    // `as`: as above.
    expect(() => new Store([], options as StoreOptions)).toThrow(message);
  });
});

describe("trouble", () => {
  test("of some databases does not delay the others", async () => {
    const names = Array.from({ length: 12 }, (_, i) => `${i}.db`);
    const originals = names.map(source);
    const hanging = new FaultStore(new MemoryClient());
    hanging.arm({ operation: "list", fault: { kind: "hang" } });
    const failing = new FaultStore(new MemoryClient());
    failing.arm({ operation: "write", fault: { kind: "fail" } });
    writeFileSync(path("junk.db"), "this is no database, but long enough to look like one".repeat(100));
    source("hanging.db");
    source("failing.db");
    const good = names.map((name) => database(name));
    const events: StoreEvent[] = [];
    const all = [database("junk.db"), database("hanging.db", hanging), database("failing.db", failing), ...good];
    const store = storeOf(all, { ...FAST, onEvent: (event) => events.push(event) });
    const opened = rejection(store.open());
    for (const original of originals) insert(original);
    await until("the good ones run", () => good.every((db) => db.status().phase === "replicating"));
    await Promise.all(good.map((db) => db.syncAndWait()));
    for (let i = 0; i < 10; i++) {
      for (const original of originals) insert(original);
      await sleep(100);
    }
    // In level 1, or in a snapshot that came first.
    await until("they are kept", () =>
      store
        .status()
        .databases.slice(3)
        .every(({ keeping }) => keeping.levels?.some(({ level }) => level > 0) === true),
    );
    const [junk] = store.status().databases;
    expect(junk?.openError?.code).toBe("LS_NOT_A_DATABASE");
    expect(events.some((event) => event.type === "open-failed" && event.db === all[0]?.path)).toBe(true);
    // Nothing is left to do for them while the others use up the time.
    await Promise.all(good.map((db) => db.syncAndWait()));
    const failure = await rejection(store.close({ signal: AbortSignal.timeout(5000) }));
    expect(isLSError(failure, "LS_NOT_DURABLE")).toBe(true);
    // `as`: the details of this code.
    const { databases } = (failure as { details: { databases: { path: string; firstMissingTXID: bigint }[] } }).details;
    expect(databases.map((one) => one.path)).toEqual([path("hanging.db"), path("failing.db")]);
    expect(databases[1]?.firstMissingTXID).toBe(1n);
    await opened;
    for (const [i, db] of good.entries()) await expectSame(db.replica.client, originals[i] ?? never());
  }, 60_000);

  test("[K1] many at once: they are started a few at a time", async () => {
    let letGo = (): void => {};
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    let listing = 0;
    // The Store's patience with those that do not answer, which a loaded machine may use up before all of them ask.
    // `as`: setTimeout has more to it than what is called here.
    const { setTimeout: after } = globalThis;
    vi.spyOn(globalThis, "setTimeout").mockImplementation(((callback: () => void, ms: number) => after(callback, ms === 5000 ? 60_000 : ms)) as never);
    class Waiting extends MemoryClient {
      override async *ltxFiles(...args: Parameters<MemoryClient["ltxFiles"]>): ReturnType<MemoryClient["ltxFiles"]> {
        listing++;
        await gate;
        yield* super.ltxFiles(...args);
      }
    }
    const names = Array.from({ length: 20 }, (_, i) => `${i}.db`);
    for (const name of names) source(name);
    const store = storeOf(names.map((name) => database(name, new Waiting())));
    const opened = store.open();
    // Each lists ten levels.
    await until("the first ones ask", () => listing >= 160);
    await sleep(300);
    expect(listing).toBe(160);
    letGo();
    await opened;
    expect(listing).toBe(200);
  }, 30_000);

  test("of the only database is open()'s own error, and the Store is closed", async () => {
    writeFileSync(path("junk.db"), "this is no database, but long enough to look like one".repeat(100));
    const store = storeOf([database("junk.db")]);
    expect(isLSError(await rejection(store.open()), "LS_NOT_A_DATABASE")).toBe(true);
    expect(store.status().phase).toBe("closed");
    const added = storeOf([]);
    await added.open();
    const junk = database("junk.db");
    store.status();
    await store.close();
    expect(isLSError(await rejection(added.add(junk)), "LS_NOT_A_DATABASE")).toBe(true);
    expect(added.status().databases).toEqual([]);
  });

  test("[K9] a database that is locked at first is taken up when it is free", async () => {
    source("a.db");
    source("b.db");
    const holder = database("a.db", new MemoryClient());
    await holder.open();
    const store = storeOf([database("a.db"), database("b.db")]);
    await store.open();
    expect(store.status().databases[0]?.openError).toMatchObject({ code: "LS_LOCKED", nextRetryAt: expect.any(Date) });
    await holder.close();
    await until("it is taken up", () => store.status().databases[0]?.replication.phase === "replicating", 20_000);
    expect(store.status().databases[0]?.openError).toBeUndefined();
  });

  test("an abort ends close() at once, and everything is released", async () => {
    const original = source("a.db");
    const client = new FaultStore(new MemoryClient());
    const db = database("a.db", client);
    const store = storeOf([db], FAST);
    await store.open();
    client.arm({ operation: "write", fault: { kind: "hang" } });
    insert(original);
    const abort = new AbortController();
    const closing = rejection(store.close({ signal: abort.signal }));
    const started = Date.now();
    setTimeout(() => abort.abort(), 100);
    expect(isLSError(await closing, "LS_NOT_DURABLE")).toBe(true);
    expect(Date.now() - started).toBeLessThan(3000);
    client.heal();
    await store.open();
    await db.syncAndWait();
    await store.close();
    await expectSame(client, original);
  });

  test("close() during open()", async () => {
    source("a.db");
    const store = storeOf([database("a.db")]);
    const opening = rejection(store.open());
    await store.close();
    expect(await opening).toBeDefined();
    expect(store.status().phase).toBe("closed");
    await store.open();
    await store.close();
  });
});

describe("closed without time for a flush while it is being opened", () => {
  function hangs(name: string): DB {
    source(name);
    const hanging = new FaultStore(new MemoryClient());
    hanging.arm({ operation: "list", fault: { kind: "hang" } });
    return database(name, hanging);
  }

  test("a database: open() says so, and not with the reason of the signal that somebody else gave", async () => {
    const db = hangs("a.db");
    const opened = rejection(db.open());
    expect(await rejection(db.close({ signal: AbortSignal.abort() }))).toMatchObject({ code: "LS_NOT_DURABLE" });
    expect(await opened).toMatchObject({ code: "LS_NOT_OPEN" });
    expect(db.status().phase).toBe("closed");
  });

  test("the only database of a Store, by taking it out: the Store opens without it", async () => {
    const db = hangs("a.db");
    const store = storeOf([db]);
    const opened = store.open();
    await rejection(store.remove(db, { signal: AbortSignal.abort() }));
    await opened;
    expect(store.status()).toMatchObject({ phase: "open", databases: [] });
  });
});

test("any order of open, add, remove, close and writes: nothing is lost, nothing is left", async () => {
  const seed = seedOf(Date.now() >>> 0);
  const random = new Random(seed);
  const originals = ["a.db", "b.db", "c.db"].map(source);
  const members = ["a.db", "b.db", "c.db"].map((name) => database(name));
  const store = storeOf([], FAST);
  const running: Promise<unknown>[] = [];
  const start = (work: Promise<unknown>): void => void running.push(rejection(work));
  for (let i = 0; i < 150; i++) {
    const db = random.pick(members);
    const choice = random.int(0, 9);
    if (choice < 2) start(store.add(db));
    else if (choice < 4) start(store.remove(db));
    else if (choice === 4) start(store.open());
    else if (choice === 5) start(store.close());
    else insert(random.pick(originals));
    if (random.chance(0.5)) await sleep(random.int(0, 30));
  }
  const failures = await Promise.all(running);
  expect(
    failures.filter((failure) => failure !== undefined && !isLSError(failure, "LS_NOT_OPEN")),
    `seed ${seed}`,
  ).toEqual([]);
  await store.open();
  for (const db of members) await store.add(db);
  await store.close();
  for (const [i, db] of members.entries()) await expectSame(db.replica.client, originals[i] ?? never());
}, 60_000);

function never(): never {
  throw new Error("not there");
}
