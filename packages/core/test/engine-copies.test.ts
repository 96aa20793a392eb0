import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TXID } from "@ls/ltx";
import type Database from "better-sqlite3";
import { expect, test } from "vitest";
import type { EngineSettings } from "../src/db/protocol.js";
import { openWAL, TestEngine, tempDirectory, until } from "./harness.js";
import { acknowledge, atRest, restingEngine } from "./resting.js";

const LONG_MS = 3_600_000;

function create(path: string): Database.Database {
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  return app;
}

function copiesOf({ metaPath }: EngineSettings): { readonly txid: TXID; readonly size: number }[] {
  const directory = join(metaPath, "ltx", "0");
  return readdirSync(directory)
    .sort()
    .map((name) => ({ txid: BigInt(`0x${name.slice(0, 16)}`), size: statSync(join(directory, name)).size }));
}

const txidsOf = (settings: EngineSettings): TXID[] => copiesOf(settings).map(({ txid }) => txid);
const bytesOf = (settings: EngineSettings): number => copiesOf(settings).reduce((sum, { size }) => sum + size, 0);

/** Cuts and acknowledges one file after the other, as many as there are sizes of what each holds. */
async function commit(engine: TestEngine, app: Database.Database, ...sizes: number[]): Promise<TXID> {
  for (const size of sizes) {
    app.prepare("INSERT INTO t (v) VALUES (randomblob(?))").run(size);
    await engine.sync();
    await acknowledge(engine);
  }
  return engine.of("staged").at(-1)?.file.txid ?? 0n;
}

test("acknowledged files stay until level 1 holds them, over a kill and an orderly end", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  const changes = { localCopyMs: LONG_MS };
  let engine = new TestEngine(path, changes);
  await engine.start();
  await commit(engine, app, ...Array(20).fill(100));
  await engine.stop(true);

  engine = new TestEngine(path, changes);
  const all = txidsOf(engine.settings);
  const last = all.at(-1) ?? 0n;
  await engine.start(last);
  await engine.stop();
  expect(txidsOf(engine.settings)).toEqual(all);

  // Now the page table needs none of them.
  engine = new TestEngine(path, changes);
  await engine.start(last);
  await engine.ask("acknowledge", { txid: last });
  expect(txidsOf(engine.settings)).toEqual(all);
  await engine.ask("merged", { txid: last - 3n });
  expect(txidsOf(engine.settings)).toEqual([last - 2n, last - 1n, last]);
  await engine.ask("merged", { txid: last });
  expect(txidsOf(engine.settings)).toEqual([last]);
  // What is not at the destination is nobody's copy.
  for (const value of [1, 2]) {
    app.exec(`INSERT INTO t (v) VALUES (${value})`);
    await engine.sync();
  }
  await engine.ask("merged", { txid: last + 10n });
  await engine.stop();
  expect(txidsOf(engine.settings)).toEqual([last + 1n, last + 2n]);
  app.close();
});

test("where nothing merges none stays; nor longer than twice the term", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  let engine = new TestEngine(path);
  await engine.start();
  let last = await commit(engine, app, 100, 100, 100);
  await engine.stop();
  expect(txidsOf(engine.settings)).toEqual([last]);

  engine = new TestEngine(path, { localCopyMs: LONG_MS });
  await engine.start(last);
  last = await commit(engine, app, 100, 100, 100);
  await engine.stop();
  expect(txidsOf(engine.settings)).toEqual([last - 3n, last - 2n, last - 1n, last]);

  // Nobody asks for anything: the engine looks by itself.
  engine = new TestEngine(path, { localCopyMs: 100, monitorIntervalMs: 20 });
  await engine.start(last);
  await until("the copies are gone", () => txidsOf(engine.settings).length === 1);
  await engine.stop();
  app.close();
});

test("the bytes that stay are bounded while it works, and few when it rests or has ended", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  let engine = new TestEngine(path, { localCopyMs: LONG_MS });
  await engine.start();
  await commit(engine, app, ...Array(12).fill(40_000));
  expect(bytesOf(engine.settings)).toBeGreaterThan(12 * 40_000);
  await engine.stop();
  expect(bytesOf(engine.settings)).toBeLessThanOrEqual(128 * 1024);
  const kept = txidsOf(engine.settings);
  expect(kept.length).toBeGreaterThan(1);
  let last = kept.at(-1) ?? 0n;

  // The table is saved at rest only, and before that everything newer has to stay.
  engine = restingEngine(path, { localCopyMs: LONG_MS, maxLocalCopyBytes: 100_000 });
  await engine.start(last);
  await commit(engine, app, ...Array(12).fill(40_000));
  await atRest(engine);
  expect(bytesOf(engine.settings)).toBeLessThanOrEqual(100_000);
  last = await commit(engine, app, 50_000);
  await atRest(engine);
  expect(bytesOf(engine.settings)).toBeLessThanOrEqual(100_000);
  expect(txidsOf(engine.settings).at(-1)).toBe(last);
  await engine.stop();
  app.close();
});

test("a copy that cannot be deleted hinders nothing", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = create(path);
  let engine = new TestEngine(path, { localCopyMs: LONG_MS });
  await engine.start();
  const last = await commit(engine, app, 100, 100, 100);
  await engine.stop();

  engine = new TestEngine(path, { localCopyMs: 30, monitorIntervalMs: 10, syncIntervalMs: 10 });
  await engine.start(last);
  const first = join(engine.settings.metaPath, "ltx", "0", readdirSync(join(engine.settings.metaPath, "ltx", "0")).sort()[0] ?? "");
  rmSync(first);
  mkdirSync(first);
  await until("it is said", () => engine.of("warning").length > 0);
  app.exec("INSERT INTO t (v) VALUES (2)");
  await until("the commit is cut", () => engine.of("staged").length > 0);
  expect(engine.of("paused")).toEqual([]);
  rmSync(first, { recursive: true });
  await acknowledge(engine);
  await until("they are gone", () => !txidsOf(engine.settings).includes(last - 1n));
  await engine.stop();
  app.close();
});
