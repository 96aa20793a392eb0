/**
 * Holds the replication lock of a database as another replicator would, under a process id beyond what a number can hold, until its standard
 * input ends.
 *
 * Argument: <directory that holds locked.db>
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { loadDriver } from "./drivers.mjs";

const directory = process.argv[2] ?? "";
const driver = await loadDriver("better-sqlite3");
const app = driver.open(join(directory, "locked.db"));
app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
const meta = join(directory, ".locked.db-litestream", "ls");
mkdirSync(meta, { recursive: true });
const lock = driver.open(join(meta, "lock"));
lock.exec("CREATE TABLE holder (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER, host TEXT, started_ms INTEGER, token TEXT)");
lock.exec("INSERT INTO holder VALUES (1, 1152921504606846977, 'elsewhere', 1, 'token'); BEGIN IMMEDIATE");
console.log("held");
process.stdin.resume().once("end", () => process.exit(0));
