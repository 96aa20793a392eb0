import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import {
  type Census,
  censusDifference,
  type Fault,
  FaultStore,
  type Random,
  seedOf,
  takeCensus,
  tempDir,
  temporaryFiles,
  waitFor,
  withSeed,
} from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";

const FAULTS: readonly Fault[] = [
  { kind: "fail" },
  { kind: "done-but-error" },
  { kind: "hang" },
  { kind: "drop", afterBytes: 120 },
  { kind: "slow", bytesPerSecond: 20_000 },
];

/** Waits until nothing more is held than before: libuv ends handles a turn later. */
async function settled(before: Census): Promise<string[]> {
  await waitFor("the end of every handle", 3_000, () => censusDifference(before, takeCensus()).length === 0).catch(() => {});
  return censusDifference(before, takeCensus());
}

function write(path: string, random: Random): void {
  const app = new Database(path);
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT)");
  app.prepare("INSERT INTO t(body) VALUES (?)").run(random.text(random.int(10, 5_000)));
  app.close();
}

describe("after close()", () => {
  it("[L6] no descriptor, handle, timer or temporary file is left, whatever went wrong before", { timeout: 60_000 }, async () => {
    using dir = tempDir("n");
    await withSeed(seedOf(20_260_401), async (random) => {
      const path = dir.file("a.db");
      const replicaPath = dir.file("replica");
      write(path, random);
      // The event loop keeps its inotify descriptor once a directory was watched, so the first run comes before the count.
      const warm = new DB(path, { host: "inline", replica: new Replica(fromURL(pathToFileURL(replicaPath).href)) });
      await warm.open();
      await warm.close();
      const before = takeCensus();
      for (let round = 0; round < 40; round++) {
        const store = new FaultStore(fromURL(pathToFileURL(replicaPath).href));
        const fault = random.pick(FAULTS);
        store.arm({ operation: random.pick(["write", "list", "open"]), fault, after: random.int(0, 2), times: random.int(1, 3) });
        const db = new DB(path, { host: "inline", shutdownTimeoutMs: 150, replica: new Replica(store, { syncIntervalMs: 10 }) });
        await db.open({ signal: AbortSignal.timeout(150) }).catch(() => {});
        write(path, random);
        await db.syncAndWait({ signal: AbortSignal.timeout(100) }).catch(() => {});
        await db.close().catch(() => {});
        expect(await settled(before), `round ${round}, fault ${fault.kind}`).toEqual([]);
      }
      // A hanging upload leaves its claim; the next healthy run sweeps it.
      const db = new DB(path, { host: "inline", replica: new Replica(fromURL(pathToFileURL(replicaPath).href)) });
      await db.open();
      write(path, random);
      await db.syncAndWait();
      expect((await db.syncStatus()).inSync).toBe(true);
      await db.close();
      expect(temporaryFiles(dir.path)).toEqual([]);
      expect(await settled(before)).toEqual([]);
    });
  });
});
