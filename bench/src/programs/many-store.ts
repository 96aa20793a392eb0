import "@ls/backend-file";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { DB, fromURL, Replica, Store } from "@ls/core";

/** Every database of a directory in one Store, with its defaults. Says `open` and `synced`, each on a line of its own; ends with SIGTERM. */
const [directory, count] = process.argv.slice(2);
if (directory === undefined || count === undefined) throw new Error("usage: many-store DIRECTORY COUNT");
const dbs = Array.from({ length: Number(count) }, (_, i) => {
  const url = pathToFileURL(join(directory, "replicas", String(i))).href;
  return new DB(join(directory, `${i}.db`), { replica: new Replica(fromURL(url)) });
});
const errors: string[] = [];
const store = new Store(dbs, {
  onEvent: (event) => {
    if (["failed", "open-failed", "attach-failed", "upload-failed", "keeping-failed", "warning"].includes(event.type)) errors.push(`${event.db} ${event.type}`);
  },
});
await store.open();
console.log("open");
while (!dbs.every((db) => isSynced(db))) await sleep(50);
console.log("synced");
await new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()));
await store.close();
if (errors.length > 0) throw new Error(`${errors.length} errors, such as ${errors.slice(0, 5).join(", ")}`);

function isSynced(db: DB): boolean {
  const { localTXID, remoteTXID, lagMs } = db.status();
  return localTXID > 0n && localTXID === remoteTXID && lagMs === 0;
}
