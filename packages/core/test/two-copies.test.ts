import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { DB } from "../src/db/db.js";
import { Replica } from "../src/replica/replica.js";
import { Store } from "../src/store/store.js";
import { openWAL, tempDirectory } from "./harness.js";

test("[P5] Store, DB and Replica may come from different copies of this package", async () => {
  vi.resetModules();
  const other = { ...(await import("../src/db/db.js")), ...(await import("../src/replica/replica.js")) };
  expect(other.DB).not.toBe(DB);
  expect(other.Replica).not.toBe(Replica);
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v)");
  const db = new other.DB(path, { replica: new Replica(new MemoryClient()), driver: Database, host: "inline" });
  const store = new Store([db]);
  try {
    expect(() => new Store([db])).toThrow(/belongs to a Store already/);
    await store.open();
    expect(await db.syncAndWait()).toBe(1n);
    expect(store.status().databases[0]?.keeping.levels).toMatchObject([{ level: 0, files: 1 }]);
  } finally {
    await store.close();
    app.close();
  }
});
