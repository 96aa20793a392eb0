import { mkdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica, Store } from "@ls/core";
import "@ls/backend-file";
import { tempDir, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";

function create(path: string): Database.Database {
  const app = new Database(path);
  app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (1)");
  return app;
}

describe("[I37] a destination beside its database", () => {
  it("in the watched directory is not taken for databases", async () => {
    using dir = tempDir("inside");
    const root = dir.file("root");
    mkdirSync(root);
    const apps = [create(`${root}/a.db`)];
    await using store = new Store();
    await store.open();
    const watch = await store.watchDirectory(root, {
      recursive: true,
      intervalMs: 20,
      replicaFor: (_, name) => pathToFileURL(`${root}/replicas/${name}`).href,
      databaseOptions: { driver: Database, host: "inline" },
    });
    await watch.databases[0]?.syncAndWait();
    await watch.databases[0]?.snapshot();
    // Whatever is found after it has been looked for among the files of the first replica.
    apps.push(create(`${root}/b.db`));
    await waitFor("the second database", 10_000, () => watch.databases.length > 1);
    await Promise.all(watch.databases.map((db) => db.syncAndWait()));
    expect(watch.databases.map(({ path }) => path).sort()).toEqual([`${root}/a.db`, `${root}/b.db`]);
    for (const app of apps) app.close();
  });

  it("at the path of the database itself is refused, and the database stays as it is", async () => {
    using dir = tempDir("inside");
    const path = dir.file("a.db");
    create(path).close();
    const before = readFileSync(path);
    const db = new DB(path, { driver: Database, host: "inline", shutdownTimeoutMs: 0, replica: new Replica(fromURL(pathToFileURL(path).href)) });
    await db.open();
    await expect(db.syncAndWait()).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE", retryable: false });
    expect(db.status()).toMatchObject({ phase: "retrying", lastError: { retryable: false } });
    await db.close().catch(() => {});
    expect(readFileSync(path)).toEqual(before);
  });
});
