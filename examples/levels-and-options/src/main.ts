import { DB, fromURL, Replica, Store } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const replica = new Replica(fromURL(`file://${process.cwd()}/replica`), {
  syncIntervalMs: 1 * SECOND, // the longest time from a commit to its file
});
const db = new DB("orders.db", {
  driver: Database, // the constructor that the application uses; found by itself when left out
  replica,
  monitorIntervalMs: 1 * SECOND, // how often to look when the file system says nothing
  checkpointIntervalMs: 30 * SECOND, // how often a small WAL is folded in
  minCheckpointPages: 1000, // WAL pages from which it is folded in as soon as possible
});
await using store = new Store([db], {
  levels: [
    { level: 0 }, // required: the files as they are uploaded
    { level: 1, intervalMs: 10 * SECOND },
    { level: 2, intervalMs: 1 * MINUTE },
  ],
  l0RetentionMs: 5 * MINUTE,
  snapshotIntervalMs: 24 * HOUR,
  snapshotRetentionMs: 72 * HOUR,
});
await store.open();

const app = new Database("orders.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, item TEXT); INSERT INTO orders (item) VALUES ('book')");
await db.syncAndWait();
console.dir(store.status(), { depth: null });
app.close();
