import { existsSync, readdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { EngineEvent } from "../src/db/protocol.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { createEngineHost } from "../src/worker/host.js";
import { imageOf, openWAL, settingsFor, sleep, startWriter, TestEngine, TestReplica, tempDirectory, until, walSize } from "./harness.js";
import { heldLocks } from "./held-locks.js";

function create(path: string, pageSize = 4096): Database.Database {
  const app = new Database(path);
  app.pragma(`page_size = ${pageSize}`);
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  return app;
}

function fill(app: Database.Database, rows: number, size = 700): void {
  app.exec("BEGIN");
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(?))");
  for (let i = 0; i < rows; i++) insert.run(size);
  app.exec("COMMIT");
}

async function expectReplica(replica: TestReplica, engine: TestEngine, path: string): Promise<void> {
  await engine.sync();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
}

test.each([512, 1024, 4096, 65536])("[A3, A29] growing and shrinking within one cut and over many, page size %i", async (pageSize) => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, pageSize);
  const replica = new TestReplica();
  const engine = new TestEngine(path, { minCheckpointPages: 50 });
  await engine.start();
  const steps: readonly ((app: Database.Database) => void)[] = [
    (a) => fill(a, 500),
    (a) => a.exec("DELETE FROM t WHERE id % 4 > 0"),
    (a) => a.exec("VACUUM"),
    (a) => fill(a, 50, 20_000),
    // New pages that are freed in the same transaction are never written.
    (a) => a.exec(`BEGIN; CREATE TABLE big AS SELECT randomblob(${pageSize * 20}) AS v; DROP TABLE big; COMMIT`),
    (a) => void a.pragma("wal_checkpoint(PASSIVE)"),
    (a) => a.exec("CREATE INDEX IF NOT EXISTS tv ON t (v)"),
    (a) => a.exec("DROP INDEX tv"),
  ];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom("cut", "look", ...steps), { minLength: 5, maxLength: 14 }), async (plan) => {
      for (const step of plan) {
        if (step === "cut") await expectReplica(replica, engine, path);
        else if (step === "look") await engine.ask("checkpoint", undefined);
        else if (typeof step === "function") {
          try {
            step(app);
          } catch (error) {
            // An index that is not there to drop.
            if (!String(error).includes("no such index")) throw error;
          }
        }
      }
      await expectReplica(replica, engine, path);
    }),
    { numRuns: 12 },
  );
  expect(engine.of("continued")).toEqual([]);
  await engine.stop();
  app.close();
});

test("one transaction larger than the capture goes through in one file", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path);
  await engine.start();
  app.pragma("cache_size = -4000");
  fill(app, 5, 100);
  fill(app, 9000, 10_000);
  expect(walSize(path)).toBeGreaterThan(80 * 1024 * 1024);
  const before = process.memoryUsage.rss();
  const replica = new TestReplica();
  await engine.sync();
  expect(process.memoryUsage.rss() - before).toBeLessThan(160 * 1024 * 1024);
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  expect(engine.of("continued")).toEqual([]);
  await engine.stop();
  app.close();
}, 60_000);

test("[A15, A16] a backlog is cut in pieces that end on commits, without waiting for the interval", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path, { syncIntervalMs: 3_600_000, monitorIntervalMs: 20 });
  await engine.start();
  for (let i = 0; i < 90; i++) fill(app, 100, 10_000);
  await until("the capture is full and was cut", () => engine.of("staged").length >= 2);
  const replica = new TestReplica();
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
}, 60_000);

test("[A9] the image of a database that is written and checkpointed meanwhile is one commit of it", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  fill(app, 4000, 8000);
  app.exec("CREATE TABLE counter (n); INSERT INTO counter VALUES (0)");
  const engine = new TestEngine(path);
  await engine.ask("open", undefined);
  let attached = false;
  const attach = engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 }).finally(() => (attached = true));
  let commits = 0;
  while (!attached) {
    app.exec("BEGIN; UPDATE counter SET n = n + 1; UPDATE t SET v = randomblob(8000) WHERE id % 500 = 7; COMMIT");
    commits++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(commits).toBeGreaterThan(3);
  expect(await attach).toMatchObject({ by: "image" });
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  const copy = join(directory.path, "copy.db");
  replica.writeTo(copy);
  const restored = new Database(copy, { readonly: true });
  expect(restored.pragma("integrity_check", { simple: true })).toBe("ok");
  restored.close();
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});

test("as many staged files as allowed: cutting pauses, checkpoints go on, and one diff file follows when there is room", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path, { maxStagedBytes: 200_000, syncIntervalMs: 10, monitorIntervalMs: 20, minCheckpointPages: 100 });
  const replica = new TestReplica();
  await engine.start();
  for (let i = 0; i < 20; i++) {
    fill(app, 40, 1000);
    await sleep(20);
  }
  await until("paused", () => engine.of("paused").length > 0);
  expect(engine.of("paused")).toMatchObject([{ reason: "staged-full" }]);
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE", retryable: true });
  const files = engine.of("staged").length;
  for (let i = 0; i < 20; i++) {
    fill(app, 40, 1000);
    await sleep(20);
  }
  expect(engine.of("staged").length).toBe(files);
  // A checkpoint of ours folds the WAL although nothing is cut.
  const { walFrames, checkpointedFrames } = await engine.ask("checkpoint", undefined);
  expect(checkpointedFrames).toBe(walFrames);
  await replica.pull(engine.settings);
  await engine.ask("acknowledge", { txid: replica.txid });
  await until("resumed", () => engine.of("resumed").length > 0);
  expect(engine.of("continued")).toMatchObject([{ by: "diff" }]);
  await replica.pull(engine.settings);
  await engine.ask("acknowledge", { txid: replica.txid });
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});

test("[E2, E11, L11] a local file goes when it is acknowledged and in the saved table, the newest never", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  // More than is read again without a saved table.
  fill(app, 300);
  let engine = new TestEngine(path);
  const files = (): string[] => readdirSync(join(engine.settings.metaPath, "ltx", "0"));
  await engine.start();
  for (let i = 0; i < 3; i++) {
    fill(app, 1);
    await engine.sync();
  }
  expect(files()).toHaveLength(4);
  await engine.ask("acknowledge", { txid: 3n });
  // The table on disk is the one of TXID 1.
  expect(files()).toHaveLength(3);
  await engine.stop();
  expect(files()).toHaveLength(1);
  engine = new TestEngine(path);
  const opened = await engine.ask("open", undefined);
  expect(opened.staged.map(({ txid }) => txid)).toEqual([4n]);
  await engine.ask("attach", { remoteTXID: 4n, remoteTimestampMs: 0 });
  expect(files()).toHaveLength(1);
  await engine.stop();
  app.close();
});

test("mtime equals the header's time, and times never run backwards", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path);
  await engine.start();
  for (let i = 0; i < 5; i++) {
    fill(app, 1);
    await engine.sync();
  }
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  const times = replica.headers.map(({ timestampMs }) => timestampMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (const { file } of engine.of("staged")) expect(Math.floor(statSync(file.path).mtimeMs)).toBe(file.timestampMs);
  for (const { walOffset, walSize } of replica.headers) expect([walOffset >= 32, walSize % 4120]).toEqual([true, 0]);
  await engine.stop();
  app.close();
});

test("[B15] a reader that is older than our mark suspends the barrier, and is reported", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  fill(app, 10);
  const engine = new TestEngine(path, { maxWalBytes: 200_000, minCheckpointPages: 10, monitorIntervalMs: 20 });
  await engine.start();
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM t").get();
  const end = Date.now() + 1800;
  while (Date.now() < end) {
    fill(app, 20);
    await sleep(20);
  }
  expect(engine.of("reader-blocks-checkpoint").length).toBe(1);
  expect(engine.of("barrier")).toEqual([]);
  reader.exec("COMMIT");
  await engine.ask("checkpoint", undefined);
  fill(app, 1);
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  reader.close();
  app.close();
});

test("a small WAL that rests is checkpointed once when the interval has passed", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path, { checkpointIntervalMs: 1200, minCheckpointPages: 1000 });
  await engine.start();
  fill(app, 20);
  await engine.sync();
  const state = (): unknown => app.prepare("PRAGMA wal_checkpoint(NOOP)").get();
  await sleep(300);
  expect(state()).toMatchObject({ checkpointed: expect.not.toSatisfy((n: number) => n > 5) });
  await until("checkpointed", () => {
    // `as`: the columns of this pragma.
    const { log, checkpointed } = state() as { log: number; checkpointed: number };
    return log > 0 && log === checkpointed;
  });
  expect(await engine.sync()).toBe(2n);
  await engine.stop();
  app.close();
});

test("with syncIntervalMs 0 a commit is staged by notification, without waiting for any interval, one file at a time", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path, { syncIntervalMs: 0, monitorIntervalMs: 600_000 });
  await engine.start();
  await engine.ask("acknowledge", { txid: 1n });
  await sleep(700);
  for (let i = 0; i < 30; i++) {
    const before = engine.of("staged").length;
    fill(app, 1);
    await until("staged", () => engine.of("staged").length > before);
    await engine.ask("acknowledge", { txid: BigInt(engine.of("staged").length) });
    await sleep(5);
  }
  const before = engine.of("staged").length;
  for (let i = 0; i < 10; i++) {
    fill(app, 1);
    await sleep(5);
  }
  // The first one is not acknowledged, so the rest waits.
  expect(engine.of("staged").length).toBe(before + 1);
  await engine.stop();
  app.close();
});

test("fifty waiting syncs, some cancelled, with checkpoints in between: cancelled ones leave at once, the others are served", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const engine = new TestEngine(path);
  await engine.start();
  const results: Promise<string>[] = [];
  for (let i = 0; i < 50; i++) {
    fill(app, 3);
    const controller = new AbortController();
    const request = i % 5 === 0 ? engine.ask("checkpoint", undefined, controller.signal) : engine.ask("sync", undefined, controller.signal);
    results.push(
      request.then(
        () => "done",
        (error) => (error === controller.signal.reason ? "cancelled" : `failed: ${error}`),
      ),
    );
    if (i % 3 === 0) setTimeout(() => controller.abort(), Math.random() * 5);
  }
  const outcomes = await Promise.all(results);
  expect(outcomes.filter((outcome) => outcome.startsWith("failed"))).toEqual([]);
  expect(outcomes.filter((outcome) => outcome === "done").length).toBeGreaterThanOrEqual(33);
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_NOT_OPEN" });
  app.close();
});

describe.runIf(process.platform === "linux")("close", () => {
  test.each([false, true])("keeps the application's locks, in and outside a transaction (discard: %s)", async (discard) => {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    const app = create(path);
    fill(app, 20);
    for (let i = 0; i < 10; i++) {
      const before = heldLocks(path, `${path}-shm`);
      const engine = new TestEngine(path);
      await engine.start(BigInt(i));
      const inTransaction = i % 2 === 1;
      if (inTransaction) app.exec("BEGIN IMMEDIATE; INSERT INTO t (v) VALUES (1)");
      await engine.stop(discard);
      if (!inTransaction) expect(heldLocks(path, `${path}-shm`)).toEqual(before);
      else {
        // Byte 120 of -shm: the application's write lock.
        expect(heldLocks(path, `${path}-shm`)).toContain("app.db-shm WRITE 120-120");
        app.exec("COMMIT");
      }
      fill(app, 1);
    }
    app.close();
    expect(imageOf(path).length).toBeGreaterThan(0);
  });
});

/** Descriptors of this process on files below a directory. */
function openFilesBelow(directory: string): number {
  let count = 0;
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory)) count++;
    } catch {
      // The listing's own descriptor is closed already.
    }
  }
  return count;
}

test.runIf(process.platform === "linux")("nothing is left behind: descriptors and watches, over twenty lives", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  fill(app, 20);
  const live = async (remoteTXID: bigint): Promise<void> => {
    const engine = new TestEngine(path, { syncIntervalMs: 10, minCheckpointPages: 1, maxWalBytes: 1000 });
    await engine.start(remoteTXID);
    fill(app, 5);
    await sleep(20);
    // Opened for a checkpoint only, there is one connection more: each life has it.
    await engine.ask("checkpoint", undefined);
    await engine.stop();
  };
  const census = (): { descriptors: number; watches: number } => ({
    descriptors: openFilesBelow(directory.path),
    watches: process.getActiveResourcesInfo().filter((name) => name === "FSEventWrap").length,
  });
  await live(0n);
  const before = census();
  for (let i = 1; i < 20; i++) await live(1n);
  const after = census();
  expect(after.watches).toBe(before.watches);
  // Fewer is possible: SQLite closes descriptors of earlier connections when the application's locks allow it.
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors);
  app.close();
});

test("the worker host does the same in another thread, and ends with its last engine", async () => {
  using directory = tempDirectory();
  const workerURL = pathToFileURL(join(import.meta.dirname, "source-worker.mjs"));
  const hosts = [0, 1].map((i) => {
    const path = join(directory.path, `app${i}.db`);
    const app = create(path);
    fill(app, 10);
    const events: EngineEvent[] = [];
    const settings = settingsFor(path, { syncIntervalMs: 50 });
    const host = createEngineHost({ kind: "worker", settings, driver: resolveDriver(Database), workerURL }, (event) => events.push(event));
    return { path, app, events, settings, host };
  });
  for (const { host } of hosts) {
    await host.request("open", undefined);
    expect(await host.request("attach", { remoteTXID: 0n, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached", by: "image" });
  }
  const [first] = hosts;
  if (first === undefined) throw new Error("no host");
  const locked = createEngineHost({ kind: "worker", settings: first.settings, driver: resolveDriver(Database), workerURL }, () => {});
  await expect(locked.request("open", undefined)).rejects.toMatchObject({ code: "LS_LOCKED" });
  await locked.dispose();
  const writers = hosts.map(({ path }) => startWriter(path, { seconds: 1 }).done);
  await Promise.all(writers);
  for (const { host, path, settings, app, events } of hosts) {
    await host.request("sync", undefined);
    const replica = new TestReplica();
    await replica.pull(settings);
    expect(replica.differences(imageOf(path))).toEqual([]);
    expect(events.filter(({ type }) => type === "warning" || type === "continued")).toEqual([]);
    await host.request("close", { discard: false });
    await host.dispose();
    app.close();
  }
  expect(process.getActiveResourcesInfo().filter((name) => name === "MessagePort")).toEqual([]);
}, 60_000);

test.each(["worker", "inline"] as const)("what is told to an engine of kind %s is done in its order, and only a failure is heard of", async (kind) => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  fill(app, 10);
  const workerURL = pathToFileURL(join(import.meta.dirname, "source-worker.mjs"));
  const events: EngineEvent[] = [];
  const host = createEngineHost({ kind, settings: settingsFor(path), driver: resolveDriver(Database), workerURL }, (event) => events.push(event));
  host.tell("acknowledge", { txid: 1n });
  await host.request("open", undefined);
  expect(events).toMatchObject([{ type: "told-failed", code: "LS_NOT_OPEN" }]);
  await host.request("attach", { remoteTXID: 0n, remoteTimestampMs: 0 });
  const { txid } = await host.request("sync", undefined);
  const staged = events.find((event) => event.type === "staged");
  if (staged?.type !== "staged") throw new Error("nothing was staged");
  fill(app, 1);
  await host.request("sync", undefined);
  expect(existsSync(staged.file.path)).toBe(true);
  host.tell("acknowledge", { txid });
  // Saves the table, after which nothing but the destination's answer keeps the file.
  await host.request("close", { discard: false });
  expect(existsSync(staged.file.path)).toBe(false);
  expect(events.filter(({ type }) => type === "told-failed")).toHaveLength(1);
  await host.dispose();
  app.close();
});

test("a worker that dies fails its engines, and every later request at once", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  create(path).close();
  const entry = join(directory.path, "dies.mjs");
  writeFileSync(entry, "import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => process.exit(3));");
  const events: EngineEvent[] = [];
  const host = createEngineHost({ kind: "worker", settings: settingsFor(path), driver: resolveDriver(Database), workerURL: pathToFileURL(entry) }, (event) =>
    events.push(event),
  );
  await expect(host.request("open", undefined)).rejects.toMatchObject({ code: "LS_INTERNAL" });
  expect(events).toMatchObject([{ type: "failed" }]);
  await expect(host.request("close", { discard: false })).rejects.toMatchObject({ code: "LS_INTERNAL" });
  await host.dispose();
});

test("a missing worker file means inline, with a warning", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  create(path).close();
  const events: EngineEvent[] = [];
  const host = createEngineHost({ kind: "worker", settings: settingsFor(path), driver: resolveDriver(Database) }, (event) => events.push(event));
  await host.request("open", undefined);
  expect(events).toMatchObject([{ type: "warning", code: "LS_WORKER_ABSENT" }]);
  await host.request("close", { discard: false });
  await host.dispose();
});

for (const [why, changes, rejects] of [
  ["the next cut is far away", { syncIntervalMs: 3_600_000 }, undefined],
  ["as many staged files as allowed wait for the destination", { syncIntervalMs: 10, maxStagedBytes: 1 }, "LS_STORAGE_UNAVAILABLE"],
] as const) {
  test(`while ${why}, read marks and checkpoints follow a WAL that grows again after a rest`, async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    const app = openWAL(path);
    app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 0)");
    const engine = new TestEngine(path, { monitorIntervalMs: 50, minCheckpointPages: 20, ...changes });
    await engine.start();
    const update = app.prepare("UPDATE t SET v = randomblob(3000) WHERE id = 1");
    update.run();
    await sleep(1000);
    for (let i = 0; i < 400; i++) {
      update.run();
      await sleep(3);
    }
    // 400 transactions of 2 frames and more; without checkpoints none of it is ever overwritten.
    expect(statSync(`${path}-wal`).size).toBeLessThan(400 * 4096);
    if (rejects === undefined) await engine.sync();
    else await expect(engine.sync()).rejects.toMatchObject({ code: rejects });
    await engine.stop(true);
    app.close();
  });
}
