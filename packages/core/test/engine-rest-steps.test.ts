import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { imageOf, openWAL, TestReplica, tempDirectory, until } from "./harness.js";
import { acknowledge, atRest, isResting, restingEngine, troubleOf } from "./resting.js";
import { CHECKPOINTS, stepped } from "./stepped.js";

test("a commit at every step of letting go and taking up, and after it a checkpoint or a close", { timeout: 180_000 }, async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path)
    .exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO t (v) SELECT randomblob(3000) FROM n",
    )
    .close();
  let app = new Database(path, { timeout: 0 });
  const commit = (): void => void app.exec("UPDATE t SET v = randomblob(3000) WHERE id = abs(random()) % 40 + 1");
  /** Calls to the driver since the last commit was acknowledged, and the one before which the application commits. */
  let calls = 0;
  let fireAt = Number.POSITIVE_INFINITY;
  const driver = stepped(resolveDriver(Database), () => {
    if (calls++ !== fireAt) return;
    commit();
    CHECKPOINTS[fireAt % CHECKPOINTS.length]?.checkpoint(app);
  });
  const engine = restingEngine(path, { monitorIntervalMs: 1000 }, driver);
  await engine.start();
  const replica = new TestReplica();
  let step = 0;
  for (let fired = true; fired; step++) {
    const context = `step ${step}`;
    fireAt = Number.POSITIVE_INFINITY;
    if (!app.open) app = new Database(path, { timeout: 0 });
    commit();
    await engine.sync();
    await replica.pull(engine.settings);
    const before = await acknowledge(engine);
    calls = 0;
    fireAt = step;
    await until(`it rests, unless the commit came first (${context})`, () => isResting(engine) || calls > step);
    // The step may be one of the way back.
    if (calls <= step) commit();
    await until(`what was committed is staged by itself (${context})`, () => (engine.of("staged").at(-1)?.file.txid ?? 0n) > before);
    await engine.sync();
    fired = calls > step;
    await replica.pull(engine.settings);
    expect(replica.differences(imageOf(path)), context).toEqual([]);
  }
  expect(troubleOf(engine)).toEqual([]);
  // Letting go alone closes five connections, taking up opens as many.
  expect(step).toBeGreaterThan(40);
  await atRest(engine);
  await engine.stop();
  app.close();
});
