import { join } from "node:path";
import { expect, test } from "vitest";
import { openWAL, TestEngine, tempDirectory } from "./harness.js";

/** Computing time of this process, µs: unlike the clock's it does not run while others have the processor. */
function computed(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The longest turn of the event loop while `work` is done, as a share of the whole. */
async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  const begun = computed();
  let last = begun;
  let longest = 0;
  let isOver = false;
  const turn = (): void => {
    const now = computed();
    longest = Math.max(longest, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return longest / (computed() - begun);
}

test("[P4] on the application's own thread a large database is read in many small turns, between which everything else goes on", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec(
    "CREATE TABLE t (v); INSERT INTO t SELECT randomblob(3900) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n)",
  );
  const engine = new TestEngine(path);
  await engine.ask("open", undefined);
  const attaching = await longestTurn(() => engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0 }));
  app.exec("UPDATE t SET v = randomblob(3900)");
  const cutting = await longestTurn(() => engine.sync());
  expect(Math.max(attaching, cutting)).toBeLessThan(0.2);
  await engine.stop();
  app.close();
});
