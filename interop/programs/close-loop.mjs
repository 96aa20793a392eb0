/**
 * An application that opens and closes replication of its own database again and again, in one process, while it has a
 * write transaction open on one connection and another connection is idle, and an old sqlite3 command line visits.
 * Prints one JSON line; the parent judges it.
 *
 * Arguments: <database> <replica directory> <rounds> <sqlite3 binary>
 */
import "@ls/backend-file";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import Database from "better-sqlite3";

const [path = "", replicaPath = "", rounds = "1", sqlite3 = "sqlite3"] = process.argv.slice(2);

/**
 * This process's locks on the database and its -shm, as the kernel reports them for each descriptor. Not from /proc/locks: that file is given out in
 * pieces, and while other processes' locks come and go a piece leaves lines out (25 of 500 rounds beside a busy one, /proc/self/fdinfo none).
 */
function ownLocks() {
  const inodes = new Map([path, `${path}-shm`].map((file, i) => [statSync(file).ino, i === 0 ? "db" : "shm"]));
  const lines = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    let info = "";
    try {
      info = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
    } catch {
      // The listing's own descriptor.
    }
    for (const [, mode, inode, start, end] of info.matchAll(
      /^lock:\s+\d+: POSIX\s+\S+\s+(READ|WRITE)\s+\d+\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s+(\d+)\s+(\d+|EOF)/gm,
    )) {
      if (inodes.has(Number(inode))) lines.push(`${inodes.get(Number(inode))} ${mode} ${start}-${end}`);
    }
  }
  return lines.sort();
}

/** Descriptors of this process inside the database's directory. */
function openFiles() {
  const targets = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      targets.push(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      // The listing's own descriptor.
    }
  }
  return targets.filter((target) => target.startsWith(dirname(path))).sort();
}

function stranger(/** @type {string} */ sql) {
  return execFileSync(sqlite3, ["-cmd", ".timeout 5000", path, sql], { encoding: "utf8", timeout: 20_000 }).trim();
}

const app = new Database(path, { timeout: 5_000 });
app.pragma("journal_mode = WAL");
app.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, who TEXT, body TEXT)");
const idle = new Database(path, { timeout: 5_000 });
idle.prepare("SELECT count(*) FROM t").get();

/** Descriptors after a few rounds. SQLite keeps those of closed connections until the application's own locks allow their closing, and uses them again. */
let filesEarly = 0;
const insert = app.prepare("INSERT INTO t(who, body) VALUES (?, ?)");
let ours = 0;
let strangers = 0;
const faults = [];

for (let round = 0; round < Number(rounds); round++) {
  const db = new DB(path, {
    driver: Database,
    host: round % 2 === 0 ? "worker" : "inline",
    replica: new Replica(fromURL(pathToFileURL(replicaPath).href), { syncIntervalMs: 20 }),
  });
  const openBefore = round % 4 < 2;
  if (openBefore) app.exec("BEGIN IMMEDIATE");
  const before = openBefore ? ownLocks() : [];
  await db.open();
  if (!openBefore) app.exec("BEGIN IMMEDIATE");
  insert.run("app", "x".repeat(100 + (round % 50)));
  ours++;
  await db.close();
  const after = ownLocks();
  if (openBefore && before.join() !== after.join()) faults.push(`round ${round}: locks were [${before}], are [${after}]`);
  if (!after.some((lock) => lock === "shm WRITE 120-120")) faults.push(`round ${round}: the write transaction has lost its lock: [${after}]`);
  if (!after.some((lock) => lock.startsWith("db READ"))) faults.push(`round ${round}: the shared lock is gone: [${after}]`);
  // The visitor believes that it is the last one to leave when the application's locks are gone, and deletes the WAL.
  const seen = Number(stranger("SELECT count(*) FROM t"));
  if (seen !== ours - 1 + strangers) faults.push(`round ${round}: the stranger sees ${seen} rows of ${ours - 1 + strangers}`);
  app.exec("COMMIT");
  stranger(`INSERT INTO t(who, body) VALUES ('stranger', 'round ${round}')`);
  strangers++;
  const rows = Number(idle.prepare("SELECT count(*) FROM t").pluck().get());
  if (round === 10) filesEarly = openFiles().length;
  if (rows !== ours + strangers) faults.push(`round ${round}: the idle connection sees ${rows} rows of ${ours + strangers}`);
}

const last = new DB(path, { driver: Database, replica: new Replica(fromURL(pathToFileURL(replicaPath).href)) });
await last.open();
await last.syncAndWait();
await last.close();
const filesLate = openFiles();
if (filesLate.length > filesEarly + 4) faults.push(`descriptors grow: ${filesEarly} after 10 rounds, then [${filesLate}]`);
const resources = process.getActiveResourcesInfo().filter((kind) => /Timeout|Immediate|MessagePort|Worker|FSEvent|FSReq/.test(kind));
if (resources.length > 0) faults.push(`still active: [${resources}]`);
const integrity = app.pragma("integrity_check", { simple: true });
app.close();
idle.close();
console.log(JSON.stringify({ ours, strangers, integrity, faults, sqlite3: stranger("SELECT sqlite_version()") }));
