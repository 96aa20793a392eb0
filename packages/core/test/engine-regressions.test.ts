import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { imageOf, openWAL, sleep, TestEngine, TestReplica, tempDirectory, until, walSize } from "./harness.js";

function create(path: string, rows: number): Database.Database {
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  fill(app, rows);
  return app;
}

function fill(app: Database.Database, rows: number): void {
  app.exec(`INSERT INTO t (v) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) SELECT randomblob(700) FROM n`);
}

/** Everything is in the database file, so the next commit starts the WAL anew, in place. */
async function fold(engine: TestEngine): Promise<void> {
  const { walFrames, checkpointedFrames } = await engine.ask("checkpoint", undefined);
  expect(checkpointedFrames).toBe(walFrames);
}

async function expectReplica(replica: TestReplica, engine: TestEngine, path: string): Promise<void> {
  await engine.sync();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
}

test("[A1] commits that overwrite the WAL in place, frame for frame, are each seen", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 100);
  const replica = new TestReplica();
  const engine = new TestEngine(path, { minCheckpointPages: 1_000_000 });
  await engine.start();
  await fold(engine);
  const size = walSize(path);
  for (let i = 0; i < 10; i++) {
    app.exec(`UPDATE t SET v = ${i} WHERE id = 1`);
    expect(await engine.ask("probe", undefined)).toEqual({ txid: BigInt(i) + 1n, dirty: true });
    expect(await engine.sync()).toBe(BigInt(i) + 2n);
    await fold(engine);
    expect(walSize(path)).toBe(size);
  }
  await expectReplica(replica, engine, path);
  expect(engine.of("continued")).toEqual([]);
  await engine.stop();
  app.close();
});

test("[A2] a hundred restarts of the WAL cost what the commits changed, and no comparison", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 5000);
  const engine = new TestEngine(path, { minCheckpointPages: 1_000_000 });
  await engine.start();
  for (let i = 0; i < 100; i++) {
    app.exec(`UPDATE t SET v = randomblob(700) WHERE id = ${i + 1}`);
    await engine.sync();
    await fold(engine);
  }
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  const [, ...cuts] = engine.of("staged");
  expect(cuts).toHaveLength(100);
  expect(Math.max(...cuts.map(({ file }) => file.pageCount ?? 0))).toBeLessThanOrEqual(4);
  expect(new Set(replica.headers.map(({ walSalt1 }) => walSalt1)).size).toBeGreaterThan(50);
  expect(engine.of("continued")).toEqual([]);
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});

test.each(["RESTART", "TRUNCATE"])("[A4] a start right after the WAL was emptied by %s, and a cut of no frames", async (mode) => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 50);
  const replica = new TestReplica();
  for (let i = 0; i < 3; i++) {
    const engine = new TestEngine(path);
    await engine.start(replica.txid);
    await expectReplica(replica, engine, path);
    await engine.stop();
    app.exec(`UPDATE t SET v = ${i} WHERE id = 1`);
    app.pragma(`wal_checkpoint(${mode})`);
    const idle = new TestEngine(path);
    await idle.start(replica.txid);
    await expectReplica(replica, idle, path);
    await idle.stop();
    expect(replica.txid).toBe(BigInt(i) + 2n);
  }
  for (const { walOffset, walSize: covered } of replica.headers) expect([walOffset >= 32, covered >= 0]).toEqual([true, true]);
  app.close();
});

test("[A14] a new WAL that is longer than the old place is read from its first frame", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 100);
  const replica = new TestReplica();
  const engine = new TestEngine(path, { minCheckpointPages: 1_000_000, monitorIntervalMs: 600_000 });
  await engine.start();
  app.exec("UPDATE t SET v = 1 WHERE id = 1");
  await engine.sync();
  await fold(engine);
  fill(app, 300);
  await expectReplica(replica, engine, path);
  expect(replica.headers.at(-1)).toMatchObject({ walOffset: 32 });
  expect(engine.of("continued")).toEqual([]);
  await engine.stop();
  app.close();
});

test.each(["its temporary file cannot be made", "it cannot get its name"])(
  "[A18] a cut fails because %s: the position stays, and nothing is lost",
  async (where) => {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    const app = create(path, 100);
    const replica = new TestReplica();
    const engine = new TestEngine(path);
    await engine.start();
    fill(app, 20);
    const staged = join(engine.settings.metaPath, "ltx", "0");
    const inTheWay = join(staged, "0000000000000002-0000000000000002.ltx");
    if (where === "it cannot get its name") mkdirSync(join(inTheWay, "x"), { recursive: true });
    else {
      renameSync(staged, `${staged}-away`);
      writeFileSync(staged, "");
    }
    await expect(engine.sync()).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE" });
    expect(await engine.ask("probe", undefined)).toEqual({ txid: 1n, dirty: true });
    if (where === "it cannot get its name") rmSync(inTheWay, { recursive: true });
    else {
      rmSync(staged);
      renameSync(`${staged}-away`, staged);
    }
    await expectReplica(replica, engine, path);
    expect(replica.txid).toBe(2n);
    expect(engine.of("continued")).toEqual([]);
    await engine.stop();
    const next = new TestEngine(path);
    expect(await next.ask("open", undefined)).toMatchObject({ position: { txid: 2n } });
    await next.stop();
    app.close();
  },
);

test("[A22] a lock that lasts for a while is waited out", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 10);
  app.pragma("locking_mode = EXCLUSIVE");
  fill(app, 1);
  const engine = new TestEngine(path, { monitorIntervalMs: 10 });
  expect(await engine.ask("open", undefined)).toMatchObject({ notReady: "locked-exclusive" });
  expect(await engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 })).toEqual({ kind: "not-ready", reason: "locked-exclusive" });
  app.pragma("locking_mode = NORMAL");
  app.prepare("SELECT count(*) FROM t").get();
  await until("it is free", () => engine.of("ready").length > 0);
  expect(await engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached" });
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  app.close();
});

test("[A24] an idle application with a reader that stays: no checkpoint of ours writes anything", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 100);
  const engine = new TestEngine(path, { syncIntervalMs: 10, monitorIntervalMs: 10, checkpointIntervalMs: 10, minCheckpointPages: 1, maxWalBytes: 1024 });
  await engine.start();
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM t").get();
  fill(app, 20);
  const txid = await engine.sync();
  const size = walSize(path);
  for (let i = 0; i < 20; i++) {
    await engine.ask("checkpoint", undefined);
    await sleep(20);
  }
  expect(await engine.sync()).toBe(txid);
  expect(walSize(path)).toBe(size);
  reader.close();
  await engine.stop();
  app.close();
});

test("[A38] a WAL beside an engine restarts again and again, as it would without one", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 10);
  const engine = new TestEngine(path, { minCheckpointPages: 50, syncIntervalMs: 10, monitorIntervalMs: 10 });
  await engine.start();
  const salts = new Set<number>();
  await until("it has restarted five times", () => {
    fill(app, 30);
    salts.add(readFileSync(`${path}-wal`).readUInt32BE(16));
    return salts.size > 5;
  });
  await expectReplica(new TestReplica(), engine, path);
  expect(engine.of("barrier")).toEqual([]);
  await engine.stop();
  app.close();
});

test("[A28] the journal mode cannot be changed under a running engine, and a change is reported by the next", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 10);
  const engine = new TestEngine(path, { monitorIntervalMs: 10 });
  await engine.start();
  app.pragma("busy_timeout = 0");
  expect(() => app.pragma("journal_mode = DELETE")).toThrow("locked");
  expect(app.pragma("journal_mode", { simple: true })).toBe("wal");
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  app.pragma("journal_mode = DELETE");
  const next = new TestEngine(path, { monitorIntervalMs: 10 });
  expect(await next.ask("open", undefined)).toMatchObject({ notReady: "not-wal" });
  expect(await next.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toEqual({ kind: "not-ready", reason: "not-wal" });
  app.pragma("journal_mode = WAL");
  await until("it is seen again", () => next.of("ready").length > 0);
  await next.stop();
  app.close();
});

test("[B5] a large WAL that is in the database file already is left alone", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 5000);
  const engine = new TestEngine(path, { checkpointIntervalMs: 10, monitorIntervalMs: 10, minCheckpointPages: 10, maxWalBytes: 100_000 });
  await engine.start();
  await engine.sync();
  await fold(engine);
  const before = engine.events.length;
  await sleep(600);
  expect(walSize(path)).toBeGreaterThan(1_000_000);
  expect(engine.events.slice(before).filter(({ type }) => type !== "wal")).toEqual([]);
  expect(await engine.sync()).toBe(1n);
  await engine.stop();
  app.close();
});

test.each([
  { checkpointIntervalMs: 0, minCheckpointPages: 2 ** 31 - 1, maxWalBytes: 1024 * 1024 },
  { checkpointIntervalMs: 0, minCheckpointPages: 100, maxWalBytes: 2 ** 40 },
  { checkpointIntervalMs: 50, minCheckpointPages: 2 ** 31 - 1, maxWalBytes: 2 ** 40 },
])("[B6] one bound is enough for the WAL: %j", async (bounds) => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 10);
  const engine = new TestEngine(path, { ...bounds, syncIntervalMs: 50, monitorIntervalMs: 20 });
  await engine.start();
  for (let i = 0; i < 60; i++) {
    fill(app, 500);
    await sleep(20);
  }
  expect(engine.of("checkpointed").length).toBeGreaterThan(0);
  expect(walSize(path)).toBeLessThan(20_000_000);
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  app.close();
});
