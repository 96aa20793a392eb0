import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { DB } from "../src/db/db.js";
import { ALL_LEVELS } from "../src/levels.js";
import { Replica } from "../src/replica/replica.js";
import type { LTXFileInfo } from "../src/replica-client.js";
import { restoreTo } from "../src/restore/restore-to.js";
import type { StoreEvent } from "../src/store/events.js";
import { Store } from "../src/store/store.js";
import { openWAL, tempDirectory, until } from "./harness.js";

test("[C9] verify() finds a destination that somebody emptied, and the database is stored again", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v); INSERT INTO t VALUES (randomblob(20000))");
  const client = new MemoryClient();
  const events: StoreEvent[] = [];
  const db = new DB(path, { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline" });
  const store = new Store([db], { onEvent: (event) => events.push(event) });
  const snapshots = (): number => events.filter(({ type }) => type === "snapshot").length;
  await store.open();
  await db.syncAndWait();
  await until("the first snapshot", () => snapshots() === 1, 60_000);

  for (const level of ALL_LEVELS) {
    const files: LTXFileInfo[] = [];
    for await (const file of client.ltxFiles(level)) files.push(file);
    await client.deleteLTXFiles(files);
  }
  const issues = await store.verify();
  expect([...issues.values()]).toMatchObject([[{ type: "not-restorable", txid: 1n }]]);
  await until("another snapshot", () => snapshots() === 2, 60_000);
  app.exec("INSERT INTO t VALUES ('more')");
  await db.syncAndWait();
  const sink = new MemorySink();
  await restoreTo(client, sink);
  expect(Buffer.compare(sink.database ?? new Uint8Array(0), app.serialize())).toBe(0);
  await store.close();
  app.close();
}, 150_000);
