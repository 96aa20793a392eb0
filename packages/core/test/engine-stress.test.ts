import { join } from "node:path";
import { expect, test } from "vitest";
import { imageOf, openWAL, startWriter, TestEngine, TestReplica, tempDirectory } from "./harness.js";

/** Nothing that would mean that continuity was lost, or that something went wrong. */
function expectSmooth(engine: TestEngine): void {
  const trouble = engine.events.filter(({ type }) => ["continued", "detached", "warning", "failed", "not-ready", "paused"].includes(type));
  expect(trouble).toEqual([]);
}

test("[A12, B2] a writer at full speed that checkpoints by itself: every page arrives, continuity is never lost, the WAL restarts", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE first (x)").close();
  const engine = new TestEngine(path, { syncIntervalMs: 100, maxWalBytes: 16 * 1024 * 1024 });
  await engine.start();
  const { done } = startWriter(path, { seconds: 3, vacuum: 3000 });
  expect(await done).toBeGreaterThan(500);
  await engine.sync();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
  expectSmooth(engine);
  const restarts = new Set(replica.headers.map(({ walSalt1 }) => walSalt1)).size;
  expect(restarts).toBeGreaterThan(1);
  await engine.stop();
});

test("the application on the same thread, with open transactions of its own", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(3000))");
  const engine = new TestEngine(path, { syncIntervalMs: 20, minCheckpointPages: 100, maxWalBytes: 1024 * 1024 });
  await engine.start();
  const end = Date.now() + 1500;
  while (Date.now() < end) {
    app.exec("BEGIN");
    for (let i = 0; i < 20; i++) insert.run();
    // The engine runs while this transaction is open.
    await new Promise((resolve) => setTimeout(resolve, 1));
    app.exec("COMMIT");
    if (Math.random() < 0.05) app.exec("DELETE FROM t WHERE id % 3 = 0");
  }
  await engine.sync();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  expectSmooth(engine);
  await engine.stop();
  app.close();
});
