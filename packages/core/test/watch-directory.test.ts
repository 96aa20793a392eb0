import fs, { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import type { DB } from "../src/db/db.js";
import { isLSError, type LSError } from "../src/errors.js";
import type { ReplicaClient } from "../src/replica-client.js";
import { restore } from "../src/restore/restore.js";
import type { StoreEvent } from "../src/store/events.js";
import type { StoreOptions } from "../src/store/options.js";
import { Store } from "../src/store/store.js";
import type { DirectoryWatch } from "../src/store/watch/directory-watch.js";
import { DirectoryWatchers } from "../src/store/watch/directory-watchers.js";
import type { WatchDirectoryOptions } from "../src/store/watch/options.js";
import { sleep, tempDirectory, until } from "./harness.js";

let temporary: ReturnType<typeof tempDirectory>;
let root: string;
let events: StoreEvent[];
let stores: Store[];
let apps: Map<string, Database.Database>;
/** Where each database is replicated to, by the path from the root on. */
let destinations: Map<string, MemoryClient>;

beforeEach(() => {
  temporary = tempDirectory();
  root = join(temporary.path, "root");
  mkdirSync(root);
  events = [];
  stores = [];
  apps = new Map();
  destinations = new Map();
});
afterEach(async () => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  for (const store of stores) await store.close({ signal: AbortSignal.abort() }).catch(() => {});
  for (const app of apps.values()) app.close();
  temporary[Symbol.dispose]();
});

const at = (name: string): string => join(root, name);

/** A database of the application's, with a row in it. */
function create(name: string, value = name): Database.Database {
  mkdirSync(dirname(at(name)), { recursive: true });
  const app = new Database(at(name));
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE t (v)");
  app.prepare("INSERT INTO t VALUES (?)").run(value);
  apps.set(name, app);
  return app;
}

/** The application closes and deletes it. */
function drop(name: string): void {
  apps.get(name)?.close();
  apps.delete(name);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(at(name) + suffix, { force: true });
}

function destinationOf(relativePath: string): MemoryClient {
  const client = destinations.get(relativePath) ?? new MemoryClient();
  destinations.set(relativePath, client);
  return client;
}

async function openStore(options: StoreOptions = {}): Promise<Store> {
  const store = new Store([], { onEvent: (event) => events.push(event), ...options });
  stores.push(store);
  await store.open();
  return store;
}

function watchIn(store: Store, options: Partial<WatchDirectoryOptions> = {}): Promise<DirectoryWatch> {
  return store.watchDirectory(root, {
    replicaFor: (_, relativePath) => destinationOf(relativePath),
    recursive: true,
    databaseOptions: { driver: Database, host: "inline" },
    ...options,
  });
}

/** One that nobody has open at the moment rests. */
const RUNNING: readonly (string | undefined)[] = ["replicating", "resting"];
const runs = (db: DB | undefined): boolean => RUNNING.includes(db?.status().phase);
const membersOf = (store: Store): string[] => store.status().databases.map(({ path }) => path.slice(root.length + 1));
const of = <T extends StoreEvent["type"]>(type: T): Extract<StoreEvent, { type: T }>[] =>
  events.filter((event): event is Extract<StoreEvent, { type: T }> => event.type === type);

async function untilMembers(store: Store, names: readonly string[]): Promise<void> {
  await until(`the members are ${names.join(", ")}`, () => JSON.stringify(membersOf(store).sort()) === JSON.stringify([...names].sort()));
}

async function rowsOf(client: ReplicaClient): Promise<unknown[]> {
  const outputPath = join(temporary.path, `restored-${Math.random()}.db`);
  await restore(client, { outputPath, integrityCheck: "full", driver: Database });
  const restored = new Database(outputPath, { readonly: true });
  try {
    return restored.prepare("SELECT v FROM t").pluck().all();
  } finally {
    restored.close();
  }
}

/** As on systems that tell nothing: only looking finds what changes. */
function tellNothing(): void {
  vi.spyOn(DirectoryWatchers.prototype, "watch").mockImplementation(() => {});
}

describe("[K3, P11] whatever appears is found, and what it holds is replicated", () => {
  test.each(["told by the system", "found by looking"])(
    "%s",
    async (how) => {
      if (how === "found by looking") tellNothing();
      create("there.db");
      const store = await openStore();
      // Long enough for a change to be found by being told, or not at all.
      const watch = await watchIn(store, { intervalMs: how === "found by looking" ? 100 : 3_600_000 });
      expect(membersOf(store)).toEqual(["there.db"]);
      expect(RUNNING).toContain(store.status().databases[0]?.replication.phase);
      create("new.db");
      create("deep/ly/nested/new.db");
      mkdirSync(at("empty/yet"), { recursive: true });
      await untilMembers(store, ["there.db", "new.db", "deep/ly/nested/new.db"]);
      create("empty/yet/a.db");
      create("deep/b.db");
      await untilMembers(store, ["there.db", "new.db", "deep/ly/nested/new.db", "empty/yet/a.db", "deep/b.db"]);
      // Moved in from elsewhere, as a whole tree.
      const outside = join(temporary.path, "outside");
      mkdirSync(outside);
      const moved = new Database(join(outside, "moved.db"));
      moved.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES ('moved')");
      moved.close();
      renameSync(outside, at("in"));
      await untilMembers(store, ["there.db", "new.db", "deep/ly/nested/new.db", "empty/yet/a.db", "deep/b.db", "in/moved.db"]);
      await until("all are replicated", () => watch.databases.every((db) => runs(db)));
      await Promise.all(watch.databases.map((db) => db.syncAndWait()));
      expect(await rowsOf(destinationOf("deep/ly/nested/new.db"))).toEqual(["deep/ly/nested/new.db"]);
      expect(of("database-found").map(({ db }) => db)).toContain(at("in/moved.db"));
      // Renamed, deleted, and created again.
      drop("new.db");
      renameSync(at("in"), at("out"));
      await untilMembers(store, ["there.db", "deep/ly/nested/new.db", "empty/yet/a.db", "deep/b.db", "out/moved.db"]);
      create("new.db", "again");
      rmSync(at("out"), { recursive: true });
      await untilMembers(store, ["there.db", "new.db", "deep/ly/nested/new.db", "empty/yet/a.db", "deep/b.db"]);
      const again = watch.databases.find((db) => db.path === at("new.db"));
      await until("the new one runs", () => runs(again));
      await again?.syncAndWait();
      expect(await rowsOf(destinationOf("new.db"))).toEqual(["again"]);
      await watch.close();
      expect(membersOf(store)).toEqual([]);
      await store.close();
    },
    30_000,
  );

  test("a file that comes while its directory is being looked at", async () => {
    const store = await openStore();
    const { readdir } = promises;
    let looked = 0;
    // `as`: the overloads of readdir cannot be written down as one function.
    promises.readdir = (async (path: string, options: never) => {
      const entries = await readdir(path, options);
      if (looked++ === 0) {
        create("a.db");
        await sleep(100);
      }
      return entries;
    }) as never;
    syncBuiltinESMExports();
    try {
      await watchIn(store, { intervalMs: 3_600_000 });
      expect(membersOf(store)).toEqual([]);
      await untilMembers(store, ["a.db"]);
    } finally {
      promises.readdir = readdir;
      syncBuiltinESMExports();
    }
  });

  test("a directory that takes another's place, before the system has told of it", async () => {
    mkdirSync(at("d"));
    const told: (string | null)[] = [];
    const watchers = new DirectoryWatchers((_, name) => told.push(name));
    try {
      watchers.watch(at("d"));
      rmSync(at("d"), { recursive: true });
      mkdirSync(at("d"));
      watchers.watch(at("d"));
      await sleep(50);
      writeFileSync(at("d/new"), "");
      await until("it is told", () => told.includes("new"));
    } finally {
      watchers.close();
    }
  });

  test("soon, also with the settings that everybody has", async () => {
    const store = await openStore();
    await watchIn(store);
    const started = Date.now();
    create("a/b/c.db");
    await untilMembers(store, ["a/b/c.db"]);
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test("a root that comes late, goes, and comes back", async () => {
    rmSync(root, { recursive: true });
    const store = await openStore();
    const watch = await watchIn(store, { intervalMs: 50 });
    expect(watch.status()).toEqual({ root, databases: [], waiting: [], refused: [], unreadable: [] });
    create("a.db");
    await untilMembers(store, ["a.db"]);
    apps.get("a.db")?.close();
    apps.delete("a.db");
    rmSync(root, { recursive: true });
    await untilMembers(store, []);
    await until("it is told", () => of("database-gone").length === 1);
    expect(existsSync(root)).toBe(false);
    create("x/b.db");
    await untilMembers(store, ["x/b.db"]);
  });

  test("one level only, unless it is told to go deeper", async () => {
    create("a.db");
    create("b/c.db");
    const store = await openStore();
    await watchIn(store, { recursive: false });
    expect(membersOf(store)).toEqual(["a.db"]);
  });

  test("while the Store is closed it rests, and looks when it is opened", async () => {
    create("a.db");
    const store = new Store();
    stores.push(store);
    const watch = await watchIn(store, { intervalMs: 50 });
    expect(membersOf(store)).toEqual([]);
    await store.open();
    expect(membersOf(store)).toEqual(["a.db"]);
    await store.close();
    create("b.db");
    drop("a.db");
    await sleep(300);
    expect(membersOf(store)).toEqual(["a.db"]);
    await store.open();
    await untilMembers(store, ["b.db"]);
    await watch.close();
    await watch.close();
    create("c.db");
    await sleep(300);
    expect(membersOf(store)).toEqual([]);
  });
});

describe("[K5] what is no database is left alone", () => {
  test("companions, state directories, other files, links, and circles of links", async () => {
    create("app.db");
    writeFileSync(at("notes.txt"), "no database, but as long as a page of one".repeat(200));
    writeFileSync(at("empty.db"), "");
    copyFileSync(at("app.db"), at("looks-like.db-wal"));
    mkdirSync(at("directory.db"));
    mkdirSync(at(".other.db-litestream/ltx/0"), { recursive: true });
    copyFileSync(at("app.db"), at(".other.db-litestream/ltx/0/copy.db"));
    symlinkSync("app.db", at("link.db"));
    symlinkSync("..", at("directory.db/circle"));
    symlinkSync("nowhere", at("dangling.db"));
    const before = readFileSync(at("notes.txt"));
    const store = await openStore();
    const watch = await watchIn(store);
    expect(membersOf(store)).toEqual(["app.db"]);
    expect([...watch.status().waiting].sort()).toEqual([at("empty.db"), at("notes.txt")]);
    await sleep(1500);
    expect(membersOf(store)).toEqual(["app.db"]);
    expect(events.filter(({ type }) => type === "open-failed" || type === "database-refused")).toEqual([]);
    // Nothing is made beside them, and nothing is changed.
    expect(
      readdirSync(root)
        .filter((name) => /^\.?(notes|empty|link)/.test(name))
        .sort(),
    ).toEqual(["empty.db", "link.db", "notes.txt"]);
    expect(readFileSync(at("notes.txt")).equals(before)).toBe(true);
  });

  test.each(["told by the system", "found by looking"])("promoted once valid: an empty file, and a copy that takes its time (%s)", async (how) => {
    if (how === "found by looking") tellNothing();
    const app = create("source.db");
    app.prepare("INSERT INTO t VALUES (randomblob(20000))").run();
    app.pragma("wal_checkpoint(TRUNCATE)");
    const bytes = readFileSync(at("source.db"));
    writeFileSync(at("young.db"), "");
    const store = await openStore();
    const watch = await watchIn(store, { intervalMs: how === "found by looking" ? 50 : 3_600_000 });
    expect(watch.status().waiting).toEqual([at("young.db")]);
    writeFileSync(at("copy.db"), bytes.subarray(0, 8192));
    await until("half of it is seen", () => watch.status().waiting.includes(at("copy.db")));
    await sleep(200);
    expect(membersOf(store)).toEqual(["source.db"]);
    writeFileSync(at("copy.db"), bytes);
    await untilMembers(store, ["source.db", "copy.db"]);
    create("young.db");
    await untilMembers(store, ["source.db", "copy.db", "young.db"]);
    await until("it runs", () => watch.databases.every((db) => runs(db)));
    await Promise.all(watch.databases.map((db) => db.syncAndWait()));
    expect(await rowsOf(destinationOf("young.db"))).toEqual(["young.db"]);
  });

  test("a pattern, and a replicaFor that gives nothing", async () => {
    create("a.db");
    create("b.sqlite");
    create("private.db");
    const store = await openStore();
    await watchIn(store, { pattern: "*.db", replicaFor: (path, relative) => (path.includes("private") ? undefined : destinationOf(relative)) });
    expect(membersOf(store)).toEqual(["a.db"]);
  });
});

describe("refused", () => {
  test("two files with one destination: the second is told, the others go on, and it follows when the first is gone", async () => {
    for (const name of ["a.db", "b.db", "c.db"]) create(name);
    const shared = new MemoryClient();
    const store = await openStore();
    const watch = await watchIn(store, { intervalMs: 50, replicaFor: (_, relative) => (relative === "c.db" ? destinationOf(relative) : shared) });
    expect(membersOf(store)).toEqual(["a.db", "c.db"]);
    expect(of("database-refused")).toMatchObject([
      { db: at("b.db"), error: { code: "LS_CONFLICT", message: expect.stringContaining(at("a.db")) }, failures: 1 },
    ]);
    expect(watch.status().refused).toMatchObject([{ path: at("b.db"), error: { code: "LS_CONFLICT" } }]);
    drop("a.db");
    await untilMembers(store, ["b.db", "c.db"]);
  });

  test("a replicaFor that throws or gives what is no replica spoils its own file only", async () => {
    for (const name of ["a.db", "b.db", "c.db"]) create(name);
    const store = await openStore();
    await watchIn(store, {
      replicaFor: (_, relative) => {
        if (relative === "a.db") throw new Error("no bucket");
        // `as`: the point is what a caller without types may return.
        return relative === "b.db" ? (7 as never) : destinationOf(relative);
      },
    });
    expect(membersOf(store)).toEqual(["c.db"]);
    expect(of("database-refused").map(({ error }) => error.message)).toEqual(["no bucket", expect.stringContaining("ReplicaClient")]);
  });

  test.each<[unknown, RegExp]>([
    [{}, /replicaFor must be a function/],
    [{ replicaFor: () => undefined, patern: "*" }, /did you mean "pattern"/],
    [{ replicaFor: () => undefined, pattern: [] }, /pattern must be a glob/],
    [{ replicaFor: () => undefined, recursive: 1 }, /recursive/],
    [{ replicaFor: () => undefined, intervalMs: 1 }, /intervalMs/],
    [{ replicaFor: () => undefined, databaseOptions: { metaPath: "x" } }, /metaPath/],
  ])("options %j", async (options, message) => {
    const store = await openStore();
    // `as`: as above.
    await expect(store.watchDirectory(root, options as WatchDirectoryOptions)).rejects.toThrow(message);
  });

  test("a database that was added by hand stays that one's", async () => {
    create("a.db");
    const store = await openStore();
    const first = await watchIn(store);
    const second = await watchIn(store, { intervalMs: 50 });
    expect([first.databases.length, second.databases.length]).toEqual([1, 0]);
    await sleep(200);
    expect(of("database-refused")).toEqual([]);
    await second.close();
    expect(membersOf(store)).toEqual(["a.db"]);
  });
});

test("[K4] databases of one name in different directories keep their own state", async () => {
  create("a/app.db", "of a");
  create("b/app.db", "of b");
  const store = await openStore();
  const watch = await watchIn(store);
  await Promise.all(watch.databases.map((db) => db.syncAndWait()));
  expect(await rowsOf(destinationOf("a/app.db"))).toEqual(["of a"]);
  expect(await rowsOf(destinationOf("b/app.db"))).toEqual(["of b"]);
  for (const name of ["a", "b"]) expect(existsSync(at(`${name}/.app.db-litestream`))).toBe(true);
});

describe("[K12] a database is deleted while it is attached", () => {
  test("what was staged still arrives, it is told, and no file is made in its place", async () => {
    const faults = new FaultStore(new MemoryClient());
    const app = create("a.db");
    const store = await openStore();
    const watch = await watchIn(store, { replicaFor: () => faults, intervalMs: 50 });
    const [db] = watch.databases;
    await db?.syncAndWait();
    faults.arm({ operation: "write", fault: { kind: "fail" } });
    app.prepare("INSERT INTO t VALUES ('last')").run();
    await db?.sync();
    drop("a.db");
    await until("it leaves", () => membersOf(store).length === 0);
    faults.heal();
    await until("it is told", () => of("database-gone").length === 1);
    expect(of("database-gone")).toMatchObject([{ db: at("a.db"), error: undefined }]);
    expect(await rowsOf(faults)).toEqual(["a.db", "last"]);
    expect(db?.status().phase).toBe("closed");
    expect(readdirSync(root)).toEqual([".a.db-litestream"]);
  });

  test.each(["at rest", "with uploads that wait"])("with its directory, %s: that is not made again", async (how) => {
    create("tenant/a.db");
    const faults = new FaultStore(new MemoryClient());
    if (how === "with uploads that wait") faults.arm({ operation: "write", fault: { kind: "fail" } });
    const store = await openStore();
    const watch = await watchIn(store, {
      intervalMs: 50,
      replicaFor: () => faults,
      databaseOptions: { driver: Database, host: "inline", restAfterMs: 50, shutdownTimeoutMs: 1000 },
    });
    expect(membersOf(store)).toEqual(["tenant/a.db"]);
    if (how === "at rest") await until("it rests", () => watch.databases[0]?.status().phase === "resting");
    else await until("an upload fails", () => of("upload-failed").length > 0);
    apps.get("tenant/a.db")?.close();
    apps.delete("tenant/a.db");
    rmSync(at("tenant"), { recursive: true, force: true });
    await until("it is told", () => of("database-gone").length === 1);
    await sleep(200);
    expect(readdirSync(root)).toEqual([]);
  });

  test("replaced by another one: its history goes on with the new content", async () => {
    create("a.db", "old").pragma("wal_checkpoint(TRUNCATE)");
    const store = await openStore();
    const watch = await watchIn(store, { intervalMs: 50 });
    const [db] = watch.databases;
    await db?.syncAndWait();
    apps.get("a.db")?.close();
    apps.delete("a.db");
    const other = new Database(join(temporary.path, "other.db"));
    other.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES ('new')");
    other.close();
    for (const suffix of ["-wal", "-shm"]) rmSync(at(`a.db${suffix}`), { force: true });
    renameSync(join(temporary.path, "other.db"), at("a.db"));
    await until("the new content is there", async () => {
      await watch.databases[0]?.syncAndWait({ signal: AbortSignal.timeout(5000) }).catch(() => {});
      return JSON.stringify(await rowsOf(destinationOf("a.db"))) === '["new"]';
    });
  });
});

test("a directory that cannot be listed is told once, keeps what is in it, and holds up no other", async () => {
  create("closed/a.db");
  const store = await openStore();
  const watch = await watchIn(store, { intervalMs: 50 });
  // Taken away from this module's import, because root may list everything.
  const { readdir } = promises;
  const denied = Object.assign(new Error("denied"), { code: "EACCES" });
  // `as`: the overloads of readdir cannot be written down as one function.
  promises.readdir = ((path: string, options: never) => (path === at("closed") ? Promise.reject(denied) : readdir(path, options))) as never;
  syncBuiltinESMExports();
  try {
    create("open/b.db");
    await untilMembers(store, ["closed/a.db", "open/b.db"]);
    await until("it is seen", () => watch.status().unreadable.length === 1);
    await sleep(300);
    expect(membersOf(store).sort()).toEqual(["closed/a.db", "open/b.db"]);
    expect(of("directory-unreadable")).toMatchObject([{ directory: at("closed"), error: { message: "denied" } }]);
  } finally {
    promises.readdir = readdir;
    syncBuiltinESMExports();
  }
  await until("it is readable again", () => watch.status().unreadable.length === 0);
  expect(of("database-gone")).toEqual([]);
});

/** The databases that `close()` of a Store says are not durable. */
function pathsOf({ details }: LSError): string[] {
  // `as`: the details of this code.
  return (details as { databases: { path: string }[] }).databases.map(({ path }) => path);
}

test("[K6] one that is made anew while the one before it is still being flushed comes after it", async () => {
  const faults = new FaultStore(new MemoryClient());
  const app = create("a.db", "first");
  const store = await openStore();
  const watch = await watchIn(store, { replicaFor: () => faults, intervalMs: 50 });
  await watch.databases[0]?.syncAndWait();
  faults.arm({ operation: "write", fault: { kind: "fail" } });
  app.exec("INSERT INTO t VALUES ('last')");
  await watch.databases[0]?.sync();
  drop("a.db");
  await untilMembers(store, []);
  create("a.db", "anew");
  await sleep(200);
  expect(membersOf(store)).toEqual([]);
  faults.heal();
  await untilMembers(store, ["a.db"]);
  await until("it runs", () => watch.databases.every((db) => runs(db)));
  await watch.databases[0]?.syncAndWait();
  expect(await rowsOf(faults)).toEqual(["anew"]);
});

test("[K6] any order of creating, deleting, renaming, opening and closing: what is there in the end is what is replicated", async () => {
  const seed = seedOf(Date.now() >>> 0);
  const random = new Random(seed);
  const store = await openStore();
  const watch = await watchIn(store, { intervalMs: 20 });
  const names = ["a.db", "b.db", "x/c.db", "x/y/d.db"];
  const deleted = new Set<string>();
  const running: Promise<unknown>[] = [];
  const start = (work: Promise<unknown>): void => void running.push(work.catch((error: unknown) => error));
  for (let i = 0; i < 120; i++) {
    const name = random.pick(names);
    const choice = random.int(0, 9);
    if (choice < 5) {
      if (apps.has(name)) {
        drop(name);
        deleted.add(at(name));
      } else create(name, String(i));
    } else if (choice === 5) start(store.close());
    else if (choice === 6) start(store.open());
    else if (choice === 7 && !apps.has("x/c.db") && !apps.has("x/y/d.db")) rmSync(at("x"), { recursive: true, force: true });
    else apps.get(name)?.prepare("INSERT INTO t VALUES (?)").run(`${i}`);
    if (random.chance(0.6)) await sleep(random.int(0, 25));
  }
  const failures = await Promise.all(running);
  // What was committed just before its file was deleted may be lost, and then closing has to say so; of no other database may it.
  const isExpected = (failure: unknown): boolean =>
    isLSError(failure, "LS_NOT_OPEN") || (isLSError(failure, "LS_NOT_DURABLE") && pathsOf(failure).every((path) => deleted.has(path)));
  expect(
    failures.filter((failure) => failure !== undefined && !isExpected(failure)),
    `seed ${seed}`,
  ).toEqual([]);
  await store.open();
  await untilMembers(store, [...apps.keys()]);
  await until(`all run (seed ${seed})`, () => watch.databases.every((db) => runs(db)), 20_000);
  await Promise.all(watch.databases.map((db) => db.syncAndWait()));
  for (const [name, app] of apps) expect(await rowsOf(destinationOf(name)), `seed ${seed}: ${name}`).toEqual(app.prepare("SELECT v FROM t").pluck().all());
}, 60_000);

test("[K9] a database that is locked when it is found is waited for, visibly", async () => {
  const app = create("a.db");
  app.pragma("wal_checkpoint(TRUNCATE)");
  app.pragma("locking_mode = EXCLUSIVE");
  app.exec("INSERT INTO t VALUES ('exclusive')");
  create("b.db");
  const store = await openStore();
  const watch = await watchIn(store, { databaseOptions: { driver: Database, host: "inline", monitorIntervalMs: 50 } });
  expect(membersOf(store)).toEqual(["a.db", "b.db"]);
  const [locked, free] = watch.databases;
  expect(locked?.status()).toMatchObject({ phase: "waiting", reason: "locked-exclusive" });
  await until("the other runs", () => runs(free));
  app.pragma("locking_mode = NORMAL");
  app.exec("INSERT INTO t VALUES ('free')");
  await until("it recovers", () => runs(locked));
  await locked?.syncAndWait();
  expect(await rowsOf(destinationOf("a.db"))).toEqual(["a.db", "exclusive", "free"]);
});

/** Counts the watches of the system that are asked for from now on and have not ended. */
function countWatches(): () => number {
  const { watch } = fs;
  const open = new Set<fs.FSWatcher>();
  vi.spyOn(fs, "watch").mockImplementation(((...args: Parameters<typeof watch>) => {
    const watcher = watch(...args);
    open.add(watcher);
    watcher.once("close", () => open.delete(watcher));
    return watcher;
    // `as`: the overloads of watch cannot be written down as one function.
  }) as never);
  syncBuiltinESMExports();
  return () => open.size;
}

describe("many", () => {
  /** Files that are databases at rest, without a connection of the application's. */
  function fill(count: number): void {
    const template = join(temporary.path, "template.db");
    const app = new Database(template);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES ('template')");
    app.close();
    for (let i = 0; i < count; i++) {
      const directory = at(`tenant-${i % 10}`);
      mkdirSync(directory, { recursive: true });
      copyFileSync(template, join(directory, `${i}.db`));
    }
  }

  test("[K2, K8] they are started a few at a time, cost no timer or watch each, and a commit in one wakes no other", async () => {
    const COUNT = 150;
    fill(COUNT);
    let listing = 0;
    let most = 0;
    let requests = 0;
    class Counted extends MemoryClient {
      override async *ltxFiles(...args: Parameters<MemoryClient["ltxFiles"]>): ReturnType<MemoryClient["ltxFiles"]> {
        requests++;
        most = Math.max(most, ++listing);
        try {
          yield* super.ltxFiles(...args);
        } finally {
          listing--;
        }
      }
      override writeLTXFile(...args: Parameters<MemoryClient["writeLTXFile"]>): ReturnType<MemoryClient["writeLTXFile"]> {
        requests++;
        return super.writeLTXFile(...args);
      }
    }
    const store = await openStore({ levels: [{ level: 0 }], snapshotIntervalMs: 0 });
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const watched = countWatches();
    const watch = await watchIn(store, { replicaFor: () => new Counted() });
    expect(watch.databases.length).toBe(COUNT);
    await until("all run", () => watch.databases.every((db) => runs(db)));
    await Promise.all(watch.databases.map((db) => db.syncAndWait()));
    // Each lists ten levels, and no more than 16 are started at a time.
    expect(most).toBeLessThanOrEqual(16 * 10);
    const before = requests;
    const told = events.length;
    const app = new Database(at("tenant-3/3.db"));
    app.exec("INSERT INTO t VALUES ('one')");
    await until("it arrives", () => events.slice(told).some(({ type, db }) => type === "uploaded" && db === at("tenant-3/3.db")));
    app.close();
    await sleep(500);
    expect(requests - before).toBe(1);
    // The others may just now go to rest, and do nothing else.
    const woken = events.slice(told).filter((event) => event.type !== "phase" || event.phase !== "resting");
    expect(new Set(woken.map(({ db }) => db))).toEqual(new Set([at("tenant-3/3.db")]));
    // Those few that are not at rest have one each.
    expect(timers()).toBeLessThan(COUNT / 3);
    // One per directory: 11 of this, 10 of engines on this thread.
    expect(watched()).toBeLessThanOrEqual(21);
  }, 60_000);

  test("[K7] one of a hundred is damaged, one locked, one unreachable; the others do not notice", async () => {
    fill(100);
    truncateSync(at("tenant-1/1.db"), 5000);
    const locked = new Database(at("tenant-2/2.db"));
    locked.exec("PRAGMA locking_mode = EXCLUSIVE; INSERT INTO t VALUES (1)");
    apps.set("locked", locked);
    const hanging = new FaultStore(new MemoryClient());
    hanging.arm({ operation: "list", fault: { kind: "hang" } });
    const store = await openStore();
    const watching = watchIn(store, { replicaFor: (_, relative) => (relative === "tenant-3/3.db" ? hanging : destinationOf(relative)) });
    await until("the others run", () => store.status().databases.filter(({ replication }) => RUNNING.includes(replication.phase)).length === 97, 30_000);
    const watch = await watching;
    expect(watch.status().waiting).toEqual([at("tenant-1/1.db")]);
    const phaseOf = (name: string): string | undefined => store.status().databases.find(({ path }) => path === at(name))?.replication.phase;
    expect(phaseOf("tenant-2/2.db")).toBe("waiting");
    expect(phaseOf("tenant-3/3.db")).toBe("attaching");
  }, 60_000);
});
