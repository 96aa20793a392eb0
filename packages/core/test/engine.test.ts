import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { imageOf, openWAL, TestEngine, TestReplica, tempDirectory, until } from "./harness.js";

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
