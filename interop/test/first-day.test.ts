import { existsSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, Replica, Store, type StoreEvent } from "@ls/core";
import { RequestCounter, tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { MovedTime } from "../src/moved-time.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const ROW_BYTES = 4000;
const ROWS = 4000;

/** Every file below a directory with what changes when it is written. */
function stateOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const { size, mtimeMs, ctimeMs, ino } = lstatSync(join(directory, name));
      return [name, `${size} ${mtimeMs} ${ctimeMs} ${ino}`];
    }),
  );
}

it("the first day of a new database is stored as at most 2.2 times its size, and nothing is written while it is idle", { timeout: 450_000 }, async () => {
  // In memory where there is such a place: what is stored does not depend on the disk.
  using dir = tempDir("day", existsSync("/dev/shm") ? "/dev/shm" : undefined);
  const path = dir.file("a.db");
  const app = new Database(path);
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
  // What cannot be compressed: every file that holds a page is as large as the page.
  app.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) INSERT INTO t SELECT i, randomblob(${ROW_BYTES}) FROM n`);
  const update = app.prepare(`UPDATE t SET v = randomblob(${ROW_BYTES}) WHERE id = ?`);
  const client = new RequestCounter(new FileReplicaClient({ path: dir.file("replica") }));
  const trouble: StoreEvent[] = [];
  const onEvent = (event: StoreEvent): void => {
    if (/fail|damaged|warning|detached|relisted|paused/.test(event.type)) trouble.push(event);
  };
  using time = new MovedTime();
  const db = new DB(path, { replica: new Replica(client), driver: Database, host: "inline" });
  const store = new Store([db], { onEvent });
  try {
    await store.open();
    const storedBytes = (): number => store.status().databases[0]?.keeping.levels?.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
    let mostStored = 0;
    for (let minute = 0; minute < 24 * 60; minute += 10) {
      update.run(1 + ((minute / 10) % 7));
      await time.pass(10 * MINUTE_MS);
      mostStored = Math.max(mostStored, storedBytes());
    }
    const size = lstatSync(path).size;
    console.log(`first day of ${size} bytes: written ${(client.bytesWritten / size).toFixed(3)}×, stored at most ${(mostStored / size).toFixed(3)}×`);
    expect(client.count("write")).toBeGreaterThan(24 * 6);
    expect(client.bytesWritten).toBeLessThanOrEqual(2.2 * size);
    expect(mostStored).toBeLessThanOrEqual(2.2 * size);

    // Windows end, the second snapshot comes, and the first one's time is over.
    const hasMoreToDo = (): boolean => store.status().databases[0]?.keeping.nextAt !== undefined;
    for (let hour = 0; hour < 72 && hasMoreToDo(); hour++) await time.pass(HOUR_MS);
    expect(hasMoreToDo()).toBe(false);
    expect(db.status().phase).toBe("resting");
    client.reset();
    const before = stateOf(dir.path);
    await time.pass(HOUR_MS);
    expect(client.total).toBe(0);
    expect(stateOf(dir.path)).toEqual(before);
    expect(trouble).toEqual([]);
  } finally {
    await store.close({ signal: AbortSignal.abort() }).catch(() => {});
    app.close();
  }
});
