import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TXID } from "@ls/ltx";
import type Database from "better-sqlite3";
import { expect, type TestContext, test } from "vitest";
import { skipLoudly } from "../../../testkit/src/skip.js";
import { imageOf, openWAL, sleep, TestEngine, TestReplica, tempDirectory, until } from "./harness.js";

/** A database whose meta directory is a small file system of its own: only root can mount one, in a mount namespace or not. */
class SmallDisk implements Disposable {
  readonly #directory = tempDirectory();
  readonly path = join(this.#directory.path, "app.db");
  readonly metaPath = join(this.#directory.path, "meta");
  readonly app: Database.Database;

  constructor(context: TestContext) {
    mkdirSync(this.metaPath);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", `size=${1024 * 1024}`, "tmpfs", this.metaPath], { stdio: "ignore" });
    } catch {
      this.#directory[Symbol.dispose]();
      skipLoudly("the right to mount a tmpfs", "run the tests as root");
      context.skip();
    }
    this.app = openWAL(this.path);
    this.app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  }

  [Symbol.dispose](): void {
    this.app.close();
    execFileSync("umount", ["-l", this.metaPath]);
    this.#directory[Symbol.dispose]();
  }
}

test("copies that only spare requests make room before a disk is full: no cut fails, and the table is saved", async (context) => {
  using disk = new SmallDisk(context);
  const { path, metaPath, app } = disk;
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(8000))");
  const commit = async (engine: TestEngine): Promise<TXID> => {
    insert.run();
    const txid = await engine.sync();
    await engine.ask("acknowledge", { txid });
    return txid;
  };
  const changes = { metaPath, localCopyMs: 3_600_000 };
  let engine = new TestEngine(path, changes);
  await engine.start();
  let last = 0n;
  for (let i = 0; i < 16; i++) last = await commit(engine);
  await engine.stop();
  const copies = readdirSync(join(metaPath, "ltx", "0"));
  expect(copies.length).toBeGreaterThan(8);

  engine = new TestEngine(path, changes);
  await engine.start(last);
  const { bavail, bsize } = statfsSync(metaPath);
  const free = bavail * bsize;
  writeFileSync(join(metaPath, "ballast"), new Uint8Array(free - 32 * 1024));
  for (let i = 0; i < 8; i++) last = await commit(engine);
  await engine.stop();
  expect(engine.events.filter(({ type }) => type === "warning" || type === "paused")).toEqual([]);
  expect(readdirSync(join(metaPath, "ltx", "0")).filter((name) => copies.includes(name))).toEqual([]);
});

test("[A33] a full disk while staging: nothing half-written stays, the application goes on, and capture recovers when there is room", async (context) => {
  using disk = new SmallDisk(context);
  const { path, metaPath, app } = disk;
  const engine = new TestEngine(path, { metaPath, syncIntervalMs: 20, monitorIntervalMs: 20, minCheckpointPages: 50 });
  await engine.start();
  const ballast = join(metaPath, "ballast");
  writeFileSync(ballast, new Uint8Array(700 * 1024));
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(4000))");
  for (let i = 0; i < 100; i++) {
    insert.run();
    await sleep(5);
  }
  await until("paused", () => engine.of("paused").length > 0);
  expect(engine.of("paused")).toMatchObject([{ reason: "disk-full" }]);
  await expect(engine.sync()).rejects.toMatchObject({ code: "LS_DISK_FULL" });
  expect(readdirSync(join(metaPath, "ltx", "0")).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(engine.events.filter(({ type }) => type === "warning")).toEqual([]);
  rmSync(ballast);
  await until("resumed", () => engine.of("resumed").length > 0);
  await engine.sync();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
  await engine.stop();
});
