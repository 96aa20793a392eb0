/**
 * An application of node:sqlite that does not wait for locks (its default), beside replication. Prints one JSON line.
 *
 * Argument: JSON of { path, replicaPath, barrier: "emergency" | "never", rows, commits, pauseMs }: `rows` a transaction
 */
import "@ls/backend-file";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import { loadDriver } from "./drivers.mjs";

const { path, replicaPath, barrier, rows, commits, pauseMs } = JSON.parse(process.argv[2] ?? "{}");
const driver = await loadDriver("node:sqlite");
const app = driver.open(path);
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB)");
let barriers = 0;
const db = new DB(path, {
  replica: new Replica(fromURL(pathToFileURL(replicaPath).href), { syncIntervalMs: 100 }),
  driver: driver.constructor,
  maxWalBytes: 1 << 20,
  checkpointBarrier: barrier,
  onEvent: (event) => event.type === "barrier" && barriers++,
});
await db.open();
const insert = Array.from({ length: rows }, () => "INSERT INTO t(body) VALUES (randomblob(3000));").join("");
let busy = 0;
const others = [];
for (let i = 0; i < commits; i++) {
  try {
    app.exec(`BEGIN IMMEDIATE; ${insert} COMMIT`);
  } catch (error) {
    if (driver.isBusy(error)) busy++;
    else others.push(String(error));
    i--;
  }
  if (pauseMs > 0) await sleep(pauseMs);
}
const asked = performance.now();
const truncate = app.get("PRAGMA wal_checkpoint(TRUNCATE)");
const truncateMs = performance.now() - asked;
await db.syncAndWait();
const { inSync } = await db.syncStatus();
await db.close();
console.log(
  JSON.stringify({
    timeout: app.get("PRAGMA busy_timeout").timeout,
    barriers,
    busy,
    others,
    inSync,
    rows: app.get("SELECT count(*) AS n FROM t").n,
    truncate,
    truncateMs,
  }),
);
app.close();
