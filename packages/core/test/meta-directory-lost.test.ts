import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { DB } from "../src/db/db.js";
import type { DBEvent } from "../src/db/events.js";
import { defaultMetaPath } from "../src/db/meta/meta-directory.js";
import { Replica } from "../src/replica/replica.js";
import { restore } from "../src/restore/restore.js";
import { imageOf, openWAL, tempDirectory, until } from "./harness.js";

let temporary: ReturnType<typeof tempDirectory>;
let path: string;
let client: MemoryClient;
let events: DBEvent[];

beforeEach(() => {
  temporary = tempDirectory();
  path = join(temporary.path, "tenant", "app.db");
  client = new MemoryClient();
  events = [];
});
afterEach(() => temporary[Symbol.dispose]());

function create(value: string): Database.Database {
  mkdirSync(dirname(path), { recursive: true });
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v)");
  insert(app, value);
  return app;
}

const insert = (app: Database.Database, value: string): void => void app.prepare("INSERT INTO t VALUES (?)").run(value);

function database(syncIntervalMs = 10): DB {
  const replica = new Replica(client, { syncIntervalMs });
  return new DB(path, { replica, driver: Database, host: "inline", monitorIntervalMs: 50, onEvent: (event) => events.push(event) });
}

async function expectReplicated(): Promise<void> {
  const outputPath = join(temporary.path, `restored-${events.length}.db`);
  await restore(client, { outputPath, integrityCheck: "full", driver: Database });
  expect(imageOf(outputPath)).toEqual(imageOf(path));
}

describe("the meta directory is deleted while the database is open", () => {
  test("the database goes on above what is at the destination, told once", async () => {
    const app = create("first");
    await using db = database();
    await db.open();
    const before = await db.syncAndWait();
    rmSync(defaultMetaPath(path), { recursive: true });
    insert(app, "second");
    expect(await db.syncAndWait()).toBe(before + 1n);
    await expectReplicated();
    expect(events.filter(({ type }) => type === "detached")).toMatchObject([{ reason: "the meta directory was deleted" }]);
    expect(existsSync(join(defaultMetaPath(path), "ls", "lock"))).toBe(true);
    app.close();
  });

  test("found by looking, without anybody asking", async () => {
    const app = create("first");
    await using db = database();
    await db.open();
    await db.syncAndWait();
    rmSync(defaultMetaPath(path), { recursive: true });
    await until("it is attached again", () => events.filter(({ type }) => type === "attached").length === 2);
    await db.syncAndWait();
    await expectReplicated();
    app.close();
  });

  test("with the database and its directory; another database comes in their place", async () => {
    create("old").close();
    await using db = database();
    await db.open();
    await db.syncAndWait();
    rmSync(dirname(path), { recursive: true });
    await until("it is gone", () => db.status().phase === "waiting");
    expect(existsSync(dirname(path))).toBe(false);
    const app = create("new");
    await until("it is attached again", () => events.filter(({ type }) => type === "attached").length === 2);
    await db.syncAndWait();
    await expectReplicated();
    app.close();
  });

  test("with the database and its directory, and another one is there at once", async () => {
    create("old").close();
    await using db = database();
    await db.open();
    await db.syncAndWait();
    rmSync(dirname(path), { recursive: true });
    const app = create("new");
    await until("the new one is there", async () => {
      await db.syncAndWait().catch(() => {});
      const rows = imageOf(path);
      const outputPath = join(temporary.path, `restored-${Math.random()}.db`);
      await restore(client, { outputPath, driver: Database });
      return Buffer.compare(imageOf(outputPath), rows) === 0;
    });
    expect(db.status().phase).toBe("replicating");
    app.close();
  });

  test("a second replicator is kept out of the new one", async () => {
    const app = create("first");
    await using db = database();
    await db.open();
    await db.syncAndWait();
    rmSync(defaultMetaPath(path), { recursive: true });
    await until("it is attached again", () => events.filter(({ type }) => type === "attached").length === 2);
    const second = new DB(path, { replica: new Replica(new MemoryClient()), driver: Database, host: "inline" });
    await expect(second.open()).rejects.toMatchObject({ code: "LS_LOCKED" });
    app.close();
  });
});

describe("a database is deleted while it is captured", () => {
  const DELETIONS = {
    "with its directory": () => rmSync(dirname(path), { recursive: true }),
    "but not its meta directory": () => {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`);
    },
  };

  for (const [how, remove] of Object.entries(DELETIONS)) {
    test(`${how}, when everything was at the destination: close() has nothing to report`, async () => {
      const app = create("first");
      const db = database();
      await db.open();
      await db.syncAndWait();
      remove();
      await until("it is gone", () => db.status().phase === "waiting");
      await db.close();
      app.close();
    });

    test(`${how}, before its last commit was cut: close() says what is missing`, async () => {
      const app = create("first");
      const db = database(3_600_000);
      await db.open();
      const txid = await db.syncAndWait();
      insert(app, "never cut");
      remove();
      await until("it is gone", () => db.status().phase === "waiting");
      await expect(db.close()).rejects.toMatchObject({ code: "LS_NOT_DURABLE", details: { firstMissingTXID: txid + 1n } });
      app.close();
    });
  }
});
