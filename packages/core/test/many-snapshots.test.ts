import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { DB } from "../src/db/db.js";
import { Replica } from "../src/replica/replica.js";
import { restoreTo } from "../src/restore/restore-to.js";
import { openWAL, sleep, tempDirectory } from "./harness.js";

const COUNT = 4;

/** What a restore of one TXID from some levels alone gives. */
async function stateFrom(client: MemoryClient, levels: readonly number[], txid: bigint): Promise<Uint8Array | undefined> {
  const part = new MemoryClient();
  for (const level of levels) {
    for await (const file of client.ltxFiles(level)) {
      const bytes = client.peek(file);
      if (bytes !== undefined && (level === 0 || file.maxTXID === txid)) part.put(file, bytes);
    }
  }
  const sink = new MemorySink();
  await restoreTo(part, sink, { txid });
  return sink.database;
}

test("[K10] snapshots of many databases at once, under writers whose WALs restart: every one succeeds, and is exactly its TXID", async () => {
  const seed = seedOf(Date.now() >>> 0);
  const random = new Random(seed);
  using directory = tempDirectory();
  const made = Array.from({ length: COUNT }, (_, i) => {
    const path = join(directory.path, `${i}.db`);
    const app = openWAL(path);
    // Nothing is lost with this process here, and every disk is busy enough.
    app.pragma("synchronous = OFF");
    app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    const client = new MemoryClient();
    return {
      app,
      client,
      db: new DB(path, { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline", minCheckpointPages: 20 }),
    };
  });
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      const { app } = random.pick(made);
      app.exec(
        `INSERT INTO t (v) SELECT randomblob(900) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${random.int(1, 60)}) SELECT i FROM n)`,
      );
      if (random.chance(0.1)) app.pragma("wal_checkpoint(RESTART)");
      if (random.chance(0.1)) app.exec("DELETE FROM t WHERE id % 3 = 0");
      await sleep(4);
    }
  })();
  try {
    await Promise.all(made.map(({ db }) => db.open()));
    for (let round = 0; round < 2; round++) {
      const outcomes = await Promise.allSettled(made.map(({ db }) => db.snapshot()));
      expect(
        outcomes.filter(({ status }) => status === "rejected"),
        `seed ${seed}`,
      ).toEqual([]);
      for (const [i, { client }] of made.entries()) {
        const outcome = outcomes[i];
        if (outcome?.status !== "fulfilled") continue;
        const { txid } = outcome.value;
        const [snapshot, cuts] = [await stateFrom(client, [9], txid), await stateFrom(client, [0], txid)];
        expect(Buffer.compare(snapshot ?? new Uint8Array(), cuts ?? new Uint8Array()), `seed ${seed}, database ${i}, TXID ${txid}`).toBe(0);
      }
    }
  } finally {
    isOver = true;
    await writing;
    await Promise.all(made.map(({ db }) => db.close().catch(() => {})));
    for (const { app } of made) app.close();
  }
}, 180_000);
