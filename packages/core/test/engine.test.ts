import { renameSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { imageOf, openWAL, sleep, TestEngine, TestReplica, tempDirectory, until } from "./harness.js";

test("an existing database becomes an image at TXID 1, later commits become cuts, and a restart goes on by the WAL", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(500))");
  for (let i = 0; i < 200; i++) insert.run();

  const replica = new TestReplica();
  let engine = new TestEngine(path);
  expect(await engine.start()).toMatchObject({ kind: "attached", by: "image", txid: 1n });
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);

  for (let i = 0; i < 50; i++) insert.run();
  expect(await engine.sync()).toBe(2n);
  expect(await engine.sync()).toBe(2n);
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  for (let i = 0; i < 50; i++) insert.run();
  await engine.stop();

  for (let i = 0; i < 50; i++) insert.run();
  engine = new TestEngine(path);
  expect(await engine.start()).toMatchObject({ kind: "attached", by: "wal" });
  expect(await engine.sync()).toBe(4n);
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  await engine.stop();
  app.close();
  expect(replica.differences(imageOf(path))).toEqual([]);
});

test("a database that is named by a symbolic link: SQLite's WAL lies beside the file that it leads to", async () => {
  using directory = tempDirectory();
  using elsewhere = tempDirectory();
  const path = join(directory.path, "app.db");
  const link = join(elsewhere.path, "link.db");
  symlinkSync(path, link);
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const replica = new TestReplica();
  const engine = new TestEngine(link, { syncIntervalMs: 10, monitorIntervalMs: 0 });
  expect(await engine.start()).toMatchObject({ kind: "attached", by: "image", txid: 1n });
  app.exec("INSERT INTO t (v) VALUES (randomblob(500))");
  await until("the commit was noticed", () => engine.of("staged").length === 2);
  await engine.stop();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
  app.close();
});

test("[A25] sync() before attach() is refused, and does not make the engine attach by itself", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const first = new TestEngine(path, { monitorIntervalMs: 10 });
  await first.start();
  await first.stop();
  app.exec("INSERT INTO t (v) VALUES (randomblob(500))");
  const engine = new TestEngine(path, { monitorIntervalMs: 10 });
  await engine.ask("open", undefined);
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_NOT_READY" });
  await sleep(1200);
  expect(engine.events).toEqual([]);
  expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ by: "wal" });
  await engine.stop();
  app.close();
});

test("a meta directory that takes no files: the WAL stays bounded, and one file makes up for it when it is back", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const engine = new TestEngine(path, { syncIntervalMs: 20, monitorIntervalMs: 20, minCheckpointPages: 50 });
  await engine.start();
  const staged = join(engine.settings.metaPath, "ltx", "0");
  renameSync(staged, `${staged}-away`);
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(3000000))");
  for (let i = 0; i < 60; i++) {
    insert.run();
    await sleep(20);
  }
  expect(statSync(`${path}-wal`).size).toBeLessThan(100_000_000);
  expect(engine.of("warning")).toMatchObject([{ code: "LS_STORAGE_UNAVAILABLE" }]);
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE" });
  renameSync(`${staged}-away`, staged);
  const replica = new TestReplica();
  await engine.sync();
  await replica.pull(engine.settings);
  expect(replica.txid).toBe(2n);
  expect(replica.differences(imageOf(path))).toEqual([]);
  await engine.stop();
  app.close();
});
