import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PageHasher } from "@ls/ltx";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { PageHashes } from "../src/db/protocol.js";
import { imageOf, openWAL, TestEngine, TestReplica, tempDirectory, until } from "./harness.js";

function fill(app: Database.Database, rows: number): void {
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(700))");
  for (let i = 0; i < rows; i++) insert.run();
}

function create(path: string, rows = 300): Database.Database {
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  fill(app, rows);
  return app;
}

function hashesOf(image: Uint8Array, txid: bigint, pageSize = 4096): PageHashes {
  const commit = image.length / pageSize;
  const hasher = new PageHasher();
  const words = new Uint32Array(commit * 2);
  for (let i = 0; i < commit; i++) {
    hasher.input.set(image.subarray(i * pageSize, (i + 1) * pageSize));
    hasher.hash(pageSize, 1, words, i * 2);
  }
  hasher.dispose();
  return { txid, pageSize, commit, hashes: new BigUint64Array(words.buffer) };
}

async function expectReplica(replica: TestReplica, engine: TestEngine, path: string): Promise<void> {
  await engine.sync();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
}

for (const mode of ["PASSIVE", "FULL", "RESTART", "TRUNCATE"]) {
  for (const ending of ["a clean stop", "a kill"]) {
    for (const after of [0, 3, 400]) {
      test(`[A8, B2, Q1] ${ending}, then foreign commits, a ${mode} checkpoint, and ${after} commits: nothing is missed`, async () => {
        using directory = tempDirectory();
        const path = join(directory.path, "app.db");
        const app = create(path);
        const replica = new TestReplica();
        const first = new TestEngine(path);
        await first.start();
        fill(app, 50);
        await first.sync();
        await first.stop(ending === "a kill");
        await replica.pull(first.settings);

        fill(app, 60);
        app.exec("DELETE FROM t WHERE id % 5 = 0");
        app.pragma(`wal_checkpoint(${mode})`);
        if (after > 0) fill(app, after);
        const second = new TestEngine(path);
        const outcome = await second.start(replica.txid);
        expect(outcome).toMatchObject({ kind: "attached" });
        if (outcome.kind === "attached") expect(["wal", "diff"]).toContain(outcome.by);
        await expectReplica(replica, second, path);
        await second.stop();
        app.close();
      });
    }
  }
}

for (const backlog of ["a few commits", "more than one capture holds"]) {
  test(`${backlog} made meanwhile are all in the database file, and the next commit restarts the WAL over them: nothing is missed`, async () => {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    const app = create(path);
    const replica = new TestReplica();
    const first = new TestEngine(path);
    await first.start();
    fill(app, 50);
    await first.sync();
    await first.stop();
    await replica.pull(first.settings);

    if (backlog === "a few commits") fill(app, 60);
    else app.exec("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24) INSERT INTO t (v) SELECT randomblob(3000000) FROM n");
    // Complete, so the mark that the engine takes protects none of these frames.
    app.pragma("wal_checkpoint(PASSIVE)");
    const second = new TestEngine(path);
    await second.start(replica.txid);
    app.exec("UPDATE t SET v = 'restarts the WAL' WHERE id = 1");
    await expectReplica(replica, second, path);
    await second.stop();
    app.close();
  });
}

test("killed before the page table was saved, then commits and a RESTART: nothing is missed", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  await first.stop(true);
  await replica.pull(first.settings);
  // What a kill between the file's rename and the table leaves: the file names a generation, and no frame in it.
  rmSync(join(first.settings.metaPath, "ls", "pages"));
  app.exec("UPDATE t SET v = 'changed' WHERE id < 50");
  app.pragma("wal_checkpoint(RESTART)");
  const second = new TestEngine(path);
  await second.start(replica.txid);
  await expectReplica(replica, second, path);
  await second.stop();
  app.close();
});

test("the WAL was deleted by an orderly close of the application: only the pages that differ are cut", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  let app = create(path, 3000);
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  await first.stop();
  app.close();
  expect(existsSync(`${path}-wal`)).toBe(false);
  await replica.pull(first.settings);
  app = openWAL(path);
  fill(app, 1);
  const second = new TestEngine(path);
  const outcome = await second.start(replica.txid);
  expect(outcome).toMatchObject({ by: "diff" });
  if (outcome.kind === "attached") expect(outcome.differingPages).toBeLessThan(10);
  await expectReplica(replica, second, path);
  await second.stop();
  app.close();
});

test("[A13, A23, B11] an idle database gets no TXID, over restarts and checkpoints", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  for (let round = 0; round < 5; round++) {
    const engine = new TestEngine(path, { checkpointIntervalMs: 20, monitorIntervalMs: 10, syncIntervalMs: 10, minCheckpointPages: 1 });
    await engine.start(round === 0 ? 0n : 1n);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await engine.sync()).toBe(1n);
    await engine.ask("checkpoint", undefined);
    expect(await engine.sync()).toBe(1n);
    await engine.stop();
  }
  app.close();
});

test("[A10] an old copy of database and WAL was put back and written on: its frames under the same salts are not taken for the captured ones", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  let app = create(path, 50);
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  for (const end of ["", "-wal"]) copyFileSync(path + end, `${path + end}.old`);
  fill(app, 40);
  await first.sync();
  await first.stop();
  await replica.pull(first.settings);
  app.close();
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  for (const end of ["", "-wal"]) copyFileSync(`${path + end}.old`, path + end);
  app = openWAL(path);
  fill(app, 80);
  const second = new TestEngine(path);
  expect(await second.start(replica.txid)).toMatchObject({ kind: "attached", by: "diff" });
  await expectReplica(replica, second, path);
  await second.stop();
  app.close();
});

test("without page table and after a lost WAL a base is needed; with it only the differences are cut, without it an image", async () => {
  for (const withBase of [true, false]) {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    let app = create(path, 1000);
    const replica = new TestReplica();
    const first = new TestEngine(path);
    await first.start();
    fill(app, 1);
    await first.stop();
    await replica.pull(first.settings);
    const image = app.serialize();
    app.close();
    rmSync(join(first.settings.metaPath, "ls", "pages"));
    // The file that holds every page would bring the table back.
    rmSync(join(first.settings.metaPath, "ltx", "0", "0000000000000001-0000000000000001.ltx"));
    app = openWAL(path);
    fill(app, 1);
    const second = new TestEngine(path);
    expect(await second.start(2n)).toMatchObject({ kind: "base-required" });
    const outcome = await second.ask("attach", { remoteTXID: 2n, remoteTimestampMs: 0, base: withBase ? hashesOf(image, 2n) : null });
    expect(outcome).toMatchObject({ kind: "attached", by: withBase ? "diff" : "image", txid: 3n });
    if (outcome.kind === "attached" && withBase) expect(outcome.differingPages).toBeLessThan(10);
    await expectReplica(replica, second, path);
    await second.stop();
    app.close();
  }
});

test("a missing page table is built beside capture when the WAL proves continuity, and then repairs a doubt", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path, 2000);
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  fill(app, 10);
  await first.stop();
  await replica.pull(first.settings);
  rmSync(join(first.settings.metaPath, "ls", "pages"));
  fill(app, 10);
  const second = new TestEngine(path, { monitorIntervalMs: 20 });
  expect(await second.start(replica.txid)).toMatchObject({ by: "wal" });
  for (let i = 0; i < 20; i++) {
    fill(app, 5);
    await second.sync();
  }
  // Two restarts without a frame between them: the second one was not seen.
  await second.ask("checkpoint", undefined);
  app.pragma("wal_checkpoint(TRUNCATE)");
  app.pragma("wal_checkpoint(TRUNCATE)");
  fill(app, 1);
  await until("the gap in the salts is noticed", () => second.of("continued").length > 0);
  expect(second.of("continued")[0]).toMatchObject({ by: "diff" });
  await expectReplica(replica, second, path);
  expect(second.of("detached")).toEqual([]);
  await second.stop();
  app.close();
});

test("[A6] adoption, a destination that is ahead, and files that are gone locally: the next TXID follows the destination's", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  let engine = new TestEngine(path);
  expect(await engine.start(41n)).toMatchObject({ kind: "base-required" });
  const image = app.serialize();
  expect(await engine.ask("attach", { remoteTXID: 41n, remoteTimestampMs: 5_000_000_000_000, base: hashesOf(image, 41n) })).toMatchObject({
    by: "diff",
    txid: 41n,
    differingPages: 0,
  });
  fill(app, 1);
  expect(await engine.sync()).toBe(42n);
  expect(engine.of("staged")[0]?.file.timestampMs).toBe(5_000_000_000_000);
  await engine.stop();

  engine = new TestEngine(path);
  const opened = await engine.ask("open", undefined);
  expect(opened.position).toEqual({ txid: 42n });
  expect(await engine.ask("attach", { remoteTXID: 50n, remoteTimestampMs: 0 })).toMatchObject({ kind: "base-required" });
  expect(await engine.ask("attach", { remoteTXID: 50n, remoteTimestampMs: 0, base: null })).toMatchObject({ by: "image", txid: 51n });
  // Below it the destination has another history, whose files ours must not be taken for.
  expect(readdirSync(join(engine.settings.metaPath, "ltx", "0"))).toEqual(["0000000000000033-0000000000000033.ltx"]);
  await engine.stop();

  engine = new TestEngine(path);
  expect(await engine.start(20n)).toMatchObject({ kind: "base-required" });
  await engine.stop();

  engine = new TestEngine(path);
  expect(await engine.start(0n)).toMatchObject({ by: "image", txid: 1n });
  const replica = new TestReplica();
  await expectReplica(replica, engine, path);
  expect(replica.txid).toBe(1n);
  await engine.stop();
  app.close();
});

test("a damaged newest file is replaced by the destination's copy, or given up", async () => {
  for (const copyExists of [true, false]) {
    using directory = tempDirectory();
    const path = join(directory.path, "app.db");
    const app = create(path);
    const replica = new TestReplica();
    const first = new TestEngine(path);
    await first.start();
    fill(app, 10);
    await first.stop();
    await replica.pull(first.settings);
    const name = join(first.settings.metaPath, "ltx", "0", "0000000000000002-0000000000000002.ltx");
    const good = readFileSync(name);
    writeFileSync(name, good.subarray(0, good.length - 7));
    const second = new TestEngine(path);
    expect((await second.ask("open", undefined)).position).toEqual({ txid: 2n, damagedTXID: 2n });
    if (copyExists) {
      expect(await second.ask("putStaged", { txid: 2n, chunk: good.subarray(0, 50), final: false })).toEqual({ accepted: false });
      expect(await second.ask("putStaged", { txid: 2n, chunk: good.subarray(50), final: true })).toEqual({ accepted: true });
      expect(await second.ask("attach", { remoteTXID: 2n, remoteTimestampMs: 0 })).toMatchObject({ by: "wal" });
    } else {
      await second.ask("dropDamaged", { txid: 2n });
      // The image before it names the start of this WAL: all of it is cut again.
      expect(await second.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ by: "wal", txid: 1n });
      expect(await second.sync()).toBe(2n);
      const without = new TestReplica();
      await expectReplica(without, second, path);
    }
    await second.stop();
    app.close();
  }
});

test("a damaged older file is not sent: what follows it continues the destination by comparison", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  await replica.pull(first.settings);
  const base = hashesOf(imageOf(path), 1n);
  for (let i = 0; i < 3; i++) {
    fill(app, 10);
    await first.sync();
  }
  await first.stop();
  const name = "0000000000000002-0000000000000002.ltx";
  const damaged = join(first.settings.metaPath, "ltx", "0", name);
  writeFileSync(damaged, readFileSync(damaged).fill(0, 200, 300));

  const second = new TestEngine(path);
  const { staged } = await second.ask("open", undefined);
  expect(staged.map((file) => file.txid)).toEqual([1n, 3n, 4n]);
  expect(await second.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ kind: "base-required" });
  expect(await second.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0, base })).toMatchObject({ kind: "attached", by: "diff", txid: 2n });
  await expectReplica(replica, second, path);
  await second.stop();
  app.close();
});

test("[A27] the database file is replaced while it is attached", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const other = join(directory.path, "other.db");
  create(other, 900).close();
  const engine = new TestEngine(path, { monitorIntervalMs: 20 });
  await engine.start();
  app.close();
  for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
  renameSync(other, path);
  await until("the exchange is noticed", () => engine.of("continued").length > 0);
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
});

test("deleted while attached: not ready, never created again by us, and attached anew when it is back", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  create(path).close();
  const engine = new TestEngine(path, { monitorIntervalMs: 20 });
  await engine.start();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  for (const end of ["", "-wal", "-shm"]) rmSync(path + end, { force: true });
  await until("the loss is noticed", () => engine.of("not-ready").length > 0);
  expect(engine.of("not-ready")[0]).toMatchObject({ reason: "absent" });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(existsSync(path)).toBe(false);
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_NOT_READY" });
  const app = create(path, 20);
  await until("the new database is seen", () => engine.of("ready").length > 0);
  expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached", by: "diff" });
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});

test("[A26] absent, empty, a rollback journal, then WAL: waited for, and never touched", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const engine = new TestEngine(path, { monitorIntervalMs: 20 });
  expect(await engine.ask("open", undefined)).toMatchObject({ position: { txid: 0n }, notReady: "absent" });
  expect(await engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 })).toEqual({ kind: "not-ready", reason: "absent" });
  expect(existsSync(path)).toBe(false);
  writeFileSync(path, "");
  await until("empty", () => engine.of("not-ready").some(({ reason }) => reason === "empty"));
  const app = new Database(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  await until("not in WAL mode", () => engine.of("not-ready").some(({ reason }) => reason === "not-wal"));
  const before = readFileSync(path);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(Buffer.compare(readFileSync(path), before)).toBe(0);
  app.pragma("journal_mode = WAL");
  await until("ready", () => engine.of("ready").length > 0);
  expect(await engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 })).toMatchObject({ by: "image", txid: 1n });
  fill(app, 5);
  await expectReplica(new TestReplica(), engine, path);
  await engine.stop();
  app.close();
});

test("[A19] attach while attached starts anew from what the disk holds: a staged file that vanished before its upload is made up for", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const replica = new TestReplica();
  const engine = new TestEngine(path);
  await engine.start();
  await replica.pull(engine.settings);
  const image = app.serialize();
  for (let i = 0; i < 3; i++) {
    fill(app, 2);
    await engine.sync();
  }
  rmSync(join(engine.settings.metaPath, "ltx", "0", "0000000000000002-0000000000000002.ltx"));
  expect(await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0 })).toMatchObject({ kind: "base-required" });
  const outcome = await engine.ask("attach", { remoteTXID: 1n, remoteTimestampMs: 0, base: hashesOf(image, 1n) });
  expect(outcome).toMatchObject({ kind: "attached", by: "diff", txid: 2n });
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});

test("the WAL file is removed under everybody: no crash, and when the application has opened the database again the replica follows", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  let app = create(path);
  const replica = new TestReplica();
  const engine = new TestEngine(path, { monitorIntervalMs: 20 });
  await engine.start();
  await replica.pull(engine.settings);
  rmSync(`${path}-wal`);
  fill(app, 3);
  await until("the loss is noticed", () => engine.events.some(({ type }) => type === "not-ready" || type === "continued"));
  app.close();
  rmSync(`${path}-shm`, { force: true });
  app = new Database(path);
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, v)");
  fill(app, 5);
  const current = (): boolean => engine.of("ready").length > 0 || engine.of("continued").length > 0;
  await until("the database can be replicated again", current);
  if (engine.of("ready").length > 0) expect(await engine.ask("attach", { remoteTXID: replica.txid, remoteTimestampMs: 0 })).toMatchObject({ kind: "attached" });
  await expectReplica(replica, engine, path);
  await engine.stop();
  app.close();
});
