import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { DatabaseWatch } from "../src/db/engine/watch.js";
import { imageOf, openWAL, sleep, startWriter, TestEngine, TestReplica, tempDirectory, until } from "./harness.js";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each(["told by the system", "found by looking"])("[P13] commits of another process are cut without a call (%s)", async (how) => {
  if (how === "found by looking") vi.spyOn(DatabaseWatch.prototype, "start").mockImplementation(() => {});
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE first (x)").close();
  const engine = new TestEngine(path, { syncIntervalMs: 50, monitorIntervalMs: how === "found by looking" ? 100 : 3_600_000 });
  await engine.start();
  const replica = new TestReplica();
  for (let round = 0; round < 2; round++) {
    // Long enough that nothing is looked at any more because of what came before.
    await sleep(1500);
    expect(await startWriter(path, { seconds: 0.3, rate: 100 }).done).toBeGreaterThan(0);
    const image = imageOf(path);
    await until("all of it is staged", async () => {
      await replica.pull(engine.settings);
      return replica.differences(image).length === 0;
    });
  }
  await engine.stop();
});
