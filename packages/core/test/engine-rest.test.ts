import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { DatabaseLock } from "../src/db/meta/lock.js";
import { isLSError } from "../src/errors.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { imageOf, openWAL, sleep, type TestEngine, TestReplica, tempDirectory, until } from "./harness.js";
import { acknowledge, atRest, heldBy, isResting, restingEngine, troubleOf } from "./resting.js";

const engines: TestEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop(true).catch(() => {});
});

/** A database of some hundred pages, and an engine that has let go of it. */
async function rested(directory: string): Promise<{ path: string; engine: TestEngine; replica: TestReplica }> {
  const path = join(directory, "app.db");
  openWAL(path)
    .exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO t (v) SELECT randomblob(3000) FROM n",
    )
    .close();
  const engine = restingEngine(path);
  engines.push(engine);
  await engine.start();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  await atRest(engine);
  return { path, engine, replica };
}

test("nothing is held of a database that rests; a commit wakes it, and only what changed is cut", async () => {
  using directory = tempDirectory();
  const { path, engine, replica } = await rested(directory.path);
  for (let round = 0; round < 6; round++) {
    await atRest(engine);
    expect(heldBy(engine)).toEqual([]);
    const before = replica.txid;
    const app = new Database(path);
    app.exec("UPDATE t SET v = randomblob(3000) WHERE id = 7");
    // Both ways: the WAL is folded in by the last connection, or stays.
    if (round % 2 === 0) app.close();
    await until("the commit is staged", async () => (engine.of("staged").at(-1)?.file.txid ?? 0n) > before);
    await replica.pull(engine.settings);
    expect(replica.txid).toBe(before + 1n);
    expect(engine.of("staged").at(-1)?.file.pageCount).toBeLessThan(10);
    app.close();
    expect(replica.differences(imageOf(path))).toEqual([]);
  }
  expect(troubleOf(engine)).toEqual([]);
  await engine.stop();
});

test("a small one rests without a page table on the disk: its level-0 files are as good, also for a process that comes after one that was killed", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t (v) VALUES (zeroblob(40000)), (2)").close();
  let engine = restingEngine(path);
  engines.push(engine);
  await engine.start();
  const replica = new TestReplica();
  const table = join(engine.settings.metaPath, "ls", "pages");
  const commit = async (): Promise<void> => {
    const txid = engine.of("staged").length;
    openWAL(path).exec("UPDATE t SET v = v + 1 WHERE id = 2").close();
    await until("the commit is staged", () => engine.of("staged").length > txid);
    await replica.pull(engine.settings);
    await atRest(engine);
  };
  await replica.pull(engine.settings);
  await atRest(engine);
  for (let round = 0; round < 3; round++) await commit();
  expect(existsSync(table)).toBe(false);
  await engine.stop(true);
  // Nobody sees these, and the WAL goes with its last connection.
  openWAL(path).exec("UPDATE t SET v = v + 1 WHERE id = 2").close();
  engine = restingEngine(path);
  engines.push(engine);
  expect(await engine.start(replica.txid)).toMatchObject({ kind: "attached", by: "diff", differingPages: 1 });
  await replica.pull(engine.settings);
  await atRest(engine);
  // When the files have become many, the table takes their place.
  for (let round = 0; round < 16; round++) await commit();
  expect(existsSync(table)).toBe(true);
  expect(readdirSync(join(engine.settings.metaPath, "ltx", "0")).length).toBeLessThan(16);
  expect(replica.differences(imageOf(path))).toEqual([]);
  expect(troubleOf(engine)).toEqual([]);
});

test("requests: sync() and probe() look at the files, checkpoint() and snapshots wake, close() flushes", async () => {
  using directory = tempDirectory();
  const { path, engine, replica } = await rested(directory.path);
  const app = new Database(path);
  expect(await engine.sync()).toBe(1n);
  expect(await engine.ask("probe", undefined)).toEqual({ txid: 1n, dirty: false });
  expect(isResting(engine)).toBe(true);
  for (let i = 0; i < 5; i++) {
    app.exec("INSERT INTO t (v) VALUES (randomblob(100))");
    // At once: neither the watch nor a timer has had its turn.
    if (i % 2 === 0) expect(await engine.ask("probe", undefined)).toMatchObject({ dirty: true });
    const txid = await engine.sync();
    await replica.pull(engine.settings);
    expect(replica.txid).toBe(txid);
    expect(replica.differences(app.serialize())).toEqual([]);
    await atRest(engine);
  }
  await engine.ask("checkpoint", undefined);
  expect(isResting(engine)).toBe(false);
  await atRest(engine);
  await engine.ask("snapshotOpen", undefined);
  await sleep(400);
  // Somebody reads it: nothing is let go of.
  expect(isResting(engine)).toBe(false);
  await engine.ask("snapshotClose", undefined);
  await atRest(engine);
  app.exec("INSERT INTO t (v) VALUES ('last')");
  await engine.stop();
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  expect(troubleOf(engine)).toEqual([]);
  app.close();
});

test("close() of a database that rests leaves what a start goes on from", async () => {
  using directory = tempDirectory();
  const { path, engine, replica } = await rested(directory.path);
  await engine.stop();
  const again = restingEngine(path);
  engines.push(again);
  expect(await again.start(replica.txid)).toMatchObject({ kind: "attached", txid: 1n });
  expect(troubleOf(again)).toEqual([]);
});

describe("what others do while it rests", () => {
  const commit = (path: string): Database.Database => {
    const db = new Database(path);
    db.exec("UPDATE t SET v = randomblob(2000) WHERE id % 50 = 0; INSERT INTO t (v) VALUES (randomblob(9000))");
    return db;
  };
  test.each<readonly [string, (path: string) => void]>([
    ...(["PASSIVE", "FULL", "RESTART", "TRUNCATE"] as const).map(
      (mode) =>
        [
          `commits, a ${mode} checkpoint, and commits again`,
          (path: string) => {
            const db = commit(path);
            db.pragma(`wal_checkpoint(${mode})`);
            db.exec("DELETE FROM t WHERE id = 9");
            db.close();
          },
        ] as const,
    ),
    ["commits that are all in the database file, and no WAL", (path) => commit(path).close()],
    ["VACUUM", (path) => void commit(path).exec("DELETE FROM t WHERE id > 100; VACUUM").close()],
    [
      "an older copy is put in its place",
      (path) => {
        copyFileSync(path, `${path}.old`);
        commit(path).close();
        rmSync(path);
        copyFileSync(`${path}.old`, path);
      },
    ],
    [
      "an older copy is written over it",
      (path) => {
        const old = readFileSync(path);
        commit(path).close();
        writeFileSync(path, old);
      },
    ],
  ])("%s", async (_, happen) => {
    using directory = tempDirectory();
    const { path, engine, replica } = await rested(directory.path);
    happen(path);
    await engine.sync();
    await replica.pull(engine.settings);
    expect(replica.differences(imageOf(path))).toEqual([]);
    expect(replica.headers.length).toBeLessThanOrEqual(2);
    expect(troubleOf(engine)).toEqual([]);
    await engine.stop();
  });

  test("another page size, which no replica can follow", async () => {
    using directory = tempDirectory();
    const { path, engine } = await rested(directory.path);
    const db = new Database(path);
    db.exec("PRAGMA journal_mode = DELETE; PRAGMA page_size = 8192; VACUUM; PRAGMA journal_mode = WAL");
    db.close();
    await until("it is seen", () => engine.of("detached").length === 1);
    expect(engine.of("detached")[0]?.reason).toContain("the page size");
    expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toEqual({ kind: "not-ready", reason: "unsupported" });
    expect(engine.of("staged")).toHaveLength(1);
  });

  test("deleted, and made anew; damaged", async () => {
    using directory = tempDirectory();
    const { path, engine } = await rested(directory.path);
    for (const name of readdirSync(directory.path).filter((one) => one.startsWith("app.db"))) rmSync(join(directory.path, name));
    await until("it is missed", () => engine.of("not-ready").some(({ reason }) => reason === "absent"));
    openWAL(path).exec("CREATE TABLE other (v); INSERT INTO other VALUES ('new')").close();
    await until("it is back", () => engine.of("ready").length > 0);
    expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached", txid: 2n });
    await atRest(engine);
    writeFileSync(path, Buffer.alloc(statSync(path).size, 7));
    await until("it is refused", () => engine.of("not-ready").some(({ reason }) => reason === "unsupported"));
  });

  test("deleted with its directory, which is not made again; made anew", async () => {
    using directory = tempDirectory();
    const inner = join(directory.path, "inner");
    mkdirSync(inner);
    const { path, engine, replica } = await rested(inner);
    const copy = readFileSync(path);
    rmSync(inner, { recursive: true });
    expect(isLSError(await engine.ask("checkpoint", undefined).catch((error: unknown) => error), "LS_NOT_READY")).toBe(true);
    await sleep(200);
    expect(existsSync(inner)).toBe(false);
    mkdirSync(inner);
    writeFileSync(path, copy);
    const app = new Database(path);
    app.exec("CREATE TABLE anew (x)");
    await until("it is taken up", async () => {
      await engine.ask("open", undefined).catch(() => {});
      return (await engine.ask("attach", { remoteTXID: replica.txid, remoteTimestampMs: 0, base: null }).catch(() => undefined))?.kind === "attached";
    });
    await engine.sync();
    await replica.pull(engine.settings);
    expect(replica.differences(imageOf(path))).toEqual([]);
    app.close();
  });

  test("[P11] no notification at all: polling finds it", async () => {
    using directory = tempDirectory();
    const { path, engine, replica } = await rested(directory.path);
    // A watch belongs to the directory and not to its name.
    renameSync(directory.path, `${directory.path}-moved`);
    cpSync(`${directory.path}-moved`, directory.path, { recursive: true });
    commit(path).close();
    await until("it is missed", () => !isResting(engine), 40_000);
    rmSync(`${directory.path}-moved`, { recursive: true });
    await engine.sync();
    await replica.pull(engine.settings);
    expect(replica.differences(imageOf(path))).toEqual([]);
  });
});

test("the lock is free meanwhile: whoever has it is named, and what he did counts", async () => {
  using directory = tempDirectory();
  const { path, engine } = await rested(directory.path);
  const lockPath = join(engine.settings.metaPath, "ls", "lock");
  const driver = resolveDriver(Database);
  const owner = { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  // In this thread the database stays taken.
  expect(() => DatabaseLock.acquire(driver, lockPath, owner)).toThrow("already being replicated");
  // Somebody else: the same file under another name.
  const other = DatabaseLock.acquire(driver, `${engine.settings.metaPath}/ls/../ls/lock`, owner);
  const app = new Database(path);
  app.exec("INSERT INTO t (v) VALUES (1)");
  await until("it says so", () => engine.of("warning").some(({ code }) => code === "LS_LOCKED"));
  // Lag has to be told: nobody knows whether these commits arrive.
  expect(engine.of("dirty").length).toBeGreaterThan(0);
  expect(isLSError(await engine.sync().catch((error: unknown) => error), "LS_LOCKED")).toBe(true);
  expect(isResting(engine)).toBe(true);
  other.release();
  const refused = await engine.sync().catch((error: unknown) => error);
  expect(isLSError(refused, "LS_NOT_READY")).toBe(true);
  expect(engine.of("detached")).toMatchObject([{ reason: "another process replicated the database while it rested" }]);
  expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached" });
  expect(await engine.sync()).toBe(2n);
  app.close();
});

test("a page table or level-0 file that is not the one that was left: what the disk holds counts", async () => {
  using directory = tempDirectory();
  const { path, engine } = await rested(directory.path);
  rmSync(join(engine.settings.metaPath, "ls", "pages"));
  const app = new Database(path);
  app.exec("INSERT INTO t (v) VALUES (1)");
  await until("it is attached anew", () => engine.of("detached").length === 1);
  expect(await engine.ask("open", undefined)).toMatchObject({ position: { txid: 1n } });
  app.close();
});

test("a reader of the application, or a transaction that is not over, keeps it awake", async () => {
  using directory = tempDirectory();
  const { path, engine, replica } = await rested(directory.path);
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM t").get();
  const app = new Database(path);
  app.exec("INSERT INTO t (v) VALUES (randomblob(100))");
  await engine.sync();
  await replica.pull(engine.settings);
  await acknowledge(engine);
  await sleep(500);
  expect(isResting(engine)).toBe(false);
  reader.close();
  await atRest(engine);
  app.pragma("cache_size = 2");
  app.pragma("cache_spill = 2");
  app.exec("BEGIN; UPDATE t SET v = randomblob(2500)");
  // Its first frames are in the WAL; the transaction is not over.
  await until("it is awake", () => !isResting(engine));
  await sleep(500);
  expect(isResting(engine)).toBe(false);
  app.exec("COMMIT");
  await engine.sync();
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  app.close();
});
