/**
 * An application that writes, and checkpoints in its own way, while it is replicated; replication is stopped and started again in between.
 * At the end the replica is restored and compared with the database as the driver itself serializes it. Prints one JSON line.
 *
 * Argument: JSON of { driver, secondDriver?, host, checkpoint, path, replicaPath, outputPath }
 */
import "@ls/backend-file";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import { loadDriver } from "./drivers.mjs";

const { driver: driverName, secondDriver, host, checkpoint, path, replicaPath, outputPath } = JSON.parse(process.argv[2] ?? "{}");
/** RESTART and TRUNCATE wait this long for our read mark, and then report busy. */
const CHECKPOINT_PATIENCE_MS = 20;
const WRITE_PATIENCE_MS = 10_000;

const driver = await loadDriver(driverName);
const app = driver.open(path, WRITE_PATIENCE_MS);
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, who TEXT, body BLOB)");
app.exec(`PRAGMA wal_autocheckpoint = ${checkpoint === "auto" ? 30 : 0}`);

let second;
if (secondDriver !== undefined) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("second-writer.mjs", import.meta.url)), secondDriver, path], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  second = async () => {
    const exited = once(child, "exit");
    child.stdin.end();
    const commits = Number((await lines.next()).value);
    await exited;
    return commits;
  };
}

/** Events that should not be: anything that says that replication did not simply go on. */
const trouble = [];
const replica = new Replica(fromURL(pathToFileURL(replicaPath).href), { syncIntervalMs: 30 });
const newDB = () =>
  new DB(path, {
    replica,
    host,
    driver: driver.constructor,
    minCheckpointPages: 20,
    onEvent: (event) => {
      if (["warning", "failed", "attach-failed", "upload-failed"].includes(event.type)) trouble.push(event);
    },
  });

const checkpoints = { done: 0, busy: 0 };
async function write(rounds) {
  for (let round = 0; round < rounds; round++) {
    app.exec("BEGIN IMMEDIATE");
    for (let i = 0; i < 4; i++) app.exec("INSERT INTO t(who, body) VALUES ('app', randomblob(1 + abs(random()) % 9000))");
    app.exec("UPDATE t SET body = randomblob(500) WHERE id % 7 = abs(random()) % 7; DELETE FROM t WHERE id % 11 = abs(random()) % 40");
    app.exec("COMMIT");
    if (checkpoint !== "auto" && round % 5 === 4) {
      app.exec(`PRAGMA busy_timeout = ${CHECKPOINT_PATIENCE_MS}`);
      const { busy } = app.get(`PRAGMA wal_checkpoint(${checkpoint})`);
      checkpoints[busy === 0 ? "done" : "busy"]++;
      app.exec(`PRAGMA busy_timeout = ${WRITE_PATIENCE_MS}`);
    }
    await sleep(8);
  }
}

const first = newDB();
await first.open();
await write(40);
await first.close();
await write(10);
const db = newDB();
await db.open();
await write(40);
const secondCommits = await second?.();
await db.syncAndWait();
const { localTXID, inSync } = await db.syncStatus();
const expected = app.serialize();
await db.close();

await replica.restore({ outputPath, integrityCheck: "full", driver: driver.constructor });
const restored = readFileSync(outputPath);
const pageSize = app.get("PRAGMA page_size").page_size;
const differing = [];
for (let at = 0; at < Math.max(expected.length, restored.length); at += pageSize) {
  if (Buffer.compare(expected.subarray(at, at + pageSize), restored.subarray(at, at + pageSize)) !== 0) differing.push(at / pageSize + 1);
}
console.log(
  JSON.stringify({
    node: process.versions.node,
    sqlite: app.get("SELECT sqlite_version() AS v").v,
    pages: expected.length / pageSize,
    differing,
    txid: Number(localTXID),
    inSync,
    secondCommits,
    checkpoints,
    trouble,
  }),
);
app.close();
