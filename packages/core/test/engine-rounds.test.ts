import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test } from "vitest";
import { openWAL, sleep, type TestEngine, tempDirectory, until } from "./harness.js";
import { acknowledge, atRest, isResting, restingEngine, troubleOf } from "./resting.js";

/** Half of the sync interval below. */
const ROUND_MS = 500;

const engines: TestEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop(true).catch(() => {});
});

test("databases at rest that are written to one after the other are looked at together; their commits are as old as they are", async () => {
  using directory = tempDirectory();
  const paths = ["a.db", "b.db", "c.db", "d.db"].map((name) => join(directory.path, name));
  for (const path of paths) {
    openWAL(path).exec("CREATE TABLE t (v); INSERT INTO t VALUES (zeroblob(9000))").close();
    const engine = restingEngine(path, { syncIntervalMs: 1000 });
    engines.push(engine);
    await engine.start();
  }
  for (const engine of engines) await atRest(engine);
  // Rests that were shorter are no reason to compare.
  await sleep(1100);
  const seen = new Map<TestEngine, number>();
  const watching = setInterval(() => {
    for (const engine of engines) if (!seen.has(engine) && (engine.of("staged").at(-1)?.file.txid ?? 0n) === 2n) seen.set(engine, performance.now());
  }, 1);
  // Just after a round, so that there is a while to the next one.
  await sleep(ROUND_MS - (performance.now() % ROUND_MS) + 20);
  const nextRound = Math.ceil(performance.now() / ROUND_MS) * ROUND_MS;
  const committed: number[] = [];
  for (const path of paths) {
    const app = new Database(path);
    app.exec("INSERT INTO t VALUES (1)");
    app.close();
    committed.push(Date.now());
    await sleep(20);
  }
  await until("all are staged", async () => seen.size === engines.length);
  clearInterval(watching);
  const [first = 0, ...others] = engines.map((engine) => seen.get(engine) ?? 0);
  expect(Math.min(...others)).toBeGreaterThan(first);
  expect(Math.min(...others)).toBeGreaterThan(nextRound);
  for (const [i, engine] of engines.entries()) {
    const { oldestCommitMs = 0 } = engine.of("staged").at(-1)?.file ?? {};
    expect(Math.abs(oldestCommitMs - (committed[i] ?? 0))).toBeLessThan(200);
    await acknowledge(engine);
    await until("it rests on", async () => isResting(engine));
    expect(troubleOf(engine)).toEqual([]);
  }
});
