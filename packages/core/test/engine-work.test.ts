import fs, { closeSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test, vi } from "vitest";
import { CallCounter } from "../../../testkit/src/call-counter.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { openWAL, type TestEngine, tempDirectory, until } from "./harness.js";
import { atRest, restingEngine } from "./resting.js";

/** How much work a database is among a thousand: figures that can be counted. */

const engines: TestEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop(true).catch(() => {});
});

function newDatabase(path: string): void {
  openWAL(path).exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t (v) VALUES (zeroblob(40000)), (2)").close();
}

test("a commit to a database at rest whose application closes it again: few looks, four connections, and no search through all descriptors", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  newDatabase(path);
  const driver = resolveDriver(Database);
  const opened = vi.spyOn(driver, "open");
  const engine = restingEngine(path, { monitorIntervalMs: 60_000, restAfterMs: 400 }, driver);
  engines.push(engine);
  const others = Array.from({ length: 500 }, () => openSync(devNull, "r"));
  try {
    await engine.start();
    await atRest(engine);
    using calls = new CallCounter(fs, ["fstatSync", "readdirSync", "readSync"]);
    opened.mockClear();
    const before = engine.of("staged").length;
    openWAL(path).exec("UPDATE t SET v = v + 1 WHERE id = 2").close();
    await until("the commit is staged", () => engine.of("staged").length > before);
    await atRest(engine);
    expect(calls.count("fstatSync")).toBeGreaterThan(0);
    expect(calls.count("fstatSync")).toBeLessThan(40);
    // The level-0 files; the descriptors of the process are not listed.
    expect(calls.count("readdirSync")).toBeLessThanOrEqual(2);
    // The WAL stays empty, so nothing has to be looked at from time to time: the watch tells of commits.
    expect(calls.count("readSync")).toBeLessThan(50);
    // The lock, two that hold marks, and one that looks; none that checkpoints.
    expect(opened.mock.calls.length).toBeLessThanOrEqual(4);
  } finally {
    for (const fd of others) closeSync(fd);
  }
});

test("databases that are started together share the memory that pages are encoded and hashed in", async () => {
  using directory = tempDirectory();
  // `as`: TypeScript declares it in its library for browsers only.
  const api = Reflect.get(globalThis, "WebAssembly") as { Instance: new (module: object) => object };
  const { Instance } = api;
  let made = 0;
  api.Instance = class extends Instance {
    constructor(module: object) {
      super(module);
      made++;
    }
  };
  try {
    for (let i = 0; i < 24; i++) {
      const path = join(directory.path, `${i}.db`);
      newDatabase(path);
      engines.push(restingEngine(path));
    }
    await Promise.all(engines.map((engine) => engine.start()));
    // One to encode in and one to hash in, however many wait for the disk.
    expect(made).toBeLessThanOrEqual(2);
  } finally {
    api.Instance = Instance;
  }
});
