/**
 * What happens when one process has two copies of SQLite: the engine runs on one, and another part of the application uses the other.
 * Prints one JSON line.
 *
 * Argument: JSON of { engine, other, when, where, host, path, replicaPath }: `other` is loaded "before" the engine's driver is chosen or "after"
 * replication has started, in the "main" thread or in another "thread", and opens the database.
 */
import "@ls/backend-file";
import { once } from "node:events";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { DB, fromURL, isLSError, Replica } from "@ls/core";
import { loadDriver } from "./drivers.mjs";

const { engine, other, when, where, host, path, replicaPath } = JSON.parse(process.argv[2] ?? "{}");

/** Opens the database with the other copy, and leaves it open. */
async function useOther() {
  if (where === "main") {
    const app = (await loadDriver(other)).open(path, 1000);
    app.get("SELECT count(*) FROM t");
    return () => app.close();
  }
  const code = `const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.drivers).then(async ({ loadDriver }) => {
      const app = (await loadDriver(workerData.other)).open(workerData.path, 1000);
      app.get("SELECT count(*) FROM t");
      parentPort.once("message", () => app.close());
      parentPort.postMessage("open");
    });`;
  const drivers = new URL("./drivers.mjs", import.meta.url).href;
  const thread = new Worker(code, { eval: true, workerData: { drivers, other, path }, trackUnmanagedFds: false });
  await once(thread, "message");
  return async () => {
    thread.postMessage("close");
    await once(thread, "exit");
  };
}

let stop;
let failed = () => {};
const failure = new Promise((resolve) => {
  failed = resolve;
});
let openError;
if (when === "before") stop = await useOther();
const driver = await loadDriver(engine);
const db = new DB(path, {
  replica: new Replica(fromURL(pathToFileURL(replicaPath).href)),
  driver: driver.constructor,
  host,
  monitorIntervalMs: 100,
  onEvent: (event) => event.type === "failed" && failed(event.error),
});
try {
  await db.open();
} catch (error) {
  openError = isLSError(error) ? { code: error.code, message: error.message } : { code: String(error) };
}
let result = openError;
if (openError === undefined) {
  if (when === "after") stop = await useOther();
  result = await Promise.race([failure, new Promise((resolve) => setTimeout(resolve, 5000, { code: "nothing was noticed" }))]);
}
await stop?.();
await db.close().catch(() => {});
console.log(JSON.stringify(result));
process.exit(0);
