/**
 * Replication and restore with better-sqlite3 13, whose constructor the application hands over. Prints one JSON line.
 *
 * Arguments: <database> <replica directory> <output>
 */
import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica } from "@ls/core";
import Database from "better-sqlite3-13";

const [path = "", replicaPath = "", outputPath = ""] = process.argv.slice(2);

const app = new Database(path);
app.pragma("journal_mode = WAL");
app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)");
const replica = new Replica(fromURL(pathToFileURL(replicaPath).href));
const db = new DB(path, { replica, driver: Database });
await db.open();
for (let i = 0; i < 200; i++) app.prepare("INSERT INTO t(body) VALUES (?)").run(`row ${i}`);
await db.syncAndWait();
const { inSync } = await db.syncStatus();
await db.close();
const result = await replica.restore({ outputPath, integrityCheck: "full" });
const restored = new Database(outputPath, { readonly: true });
console.log(
  JSON.stringify({
    node: process.versions.node,
    sqlite: app.prepare("SELECT sqlite_version()").pluck().get(),
    inSync,
    txid: String(result.txid),
    rows: restored.prepare("SELECT count(*) FROM t").pluck().get(),
  }),
);
restored.close();
app.close();
