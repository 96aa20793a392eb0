/**
 * Which driver replication finds by itself. Runs in a copy of the packages that has no better-sqlite3 beside it, or one. Prints one JSON line.
 *
 * Arguments: <database> <replica directory> <"node:sqlite" to load that first, or nothing>
 */
import "@ls/backend-file";
import { pathToFileURL } from "node:url";
import { DB, fromURL, isLSError, Replica } from "@ls/core";

const [path = "", replicaPath = "", first = ""] = process.argv.slice(2);
if (first === "node:sqlite") process.getBuiltinModule(first);
const db = new DB(path, { replica: new Replica(fromURL(pathToFileURL(replicaPath).href)) });
let opened = "opened";
try {
  await db.open();
} catch (error) {
  opened = isLSError(error) ? error.code : String(error);
}
await db.close().catch(() => {});
const report = process.report;
report.excludeNetwork = true;
console.log(
  JSON.stringify({
    opened,
    nodeSQLite: process.moduleLoadList.includes("Internal Binding sqlite"),
    mapped: report.getReport().sharedObjects.filter((file) => file.endsWith(".node")).length,
  }),
);
