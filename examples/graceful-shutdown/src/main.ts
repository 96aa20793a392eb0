import { once } from "node:events";
import { DB, fromURL, isLSError, Replica, Store } from "@ls/core";
import "@ls/backend-file";
import Database from "better-sqlite3";

const url = process.env.REPLICA_URL ?? `file://${process.cwd()}/replica`;
const db = new DB("work.db", { replica: new Replica(fromURL(url)) });
const store = new Store([db], { shutdownTimeoutMs: 30_000 });
await store.open();

const app = new Database("work.db");
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS tick (at INTEGER NOT NULL)");
const ticking = setInterval(() => app.prepare("INSERT INTO tick VALUES (?)").run(Date.now()), 5);

// The first signal shuts down; the second one ends the waiting for what does not get through.
const stop = new AbortController();
const hurry = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => (stop.signal.aborted ? hurry : stop).abort());
console.log("Working.");
await once(stop.signal, "abort");
console.log("Shutting down.");

clearInterval(ticking);
try {
  await store.close({ signal: hurry.signal });
  console.log(`All ${app.prepare("SELECT count(*) FROM tick").pluck().get()} ticks are durable.`);
} catch (error) {
  if (!isLSError(error, "LS_NOT_DURABLE")) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
app.close();
