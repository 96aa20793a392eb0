/**
 * What replication says of databases that it cannot use, or not yet. Prints one JSON line, which must not depend on the driver.
 *
 * Arguments: <driver> <directory>
 */
import "@ls/backend-file";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DB, fromURL, isLSError, Replica } from "@ls/core";
import { loadDriver } from "./drivers.mjs";

const [driverName = "", directory = ""] = process.argv.slice(2);
const driver = await loadDriver(driverName);

async function state(name) {
  const replica = new Replica(fromURL(pathToFileURL(join(directory, "replicas", encodeURIComponent(name))).href));
  const db = new DB(join(directory, name), { replica, driver: driver.constructor });
  try {
    await db.open();
    const signal = AbortSignal.timeout(5000);
    await db.sync({ signal });
    return "replicated";
  } catch (error) {
    return isLSError(error) ? [error.code, error.details.reason ?? null, error.details.pid ?? null] : String(error);
  } finally {
    await db.close().catch(() => {});
  }
}

function make(name, sql) {
  const app = driver.open(join(directory, name), 1000);
  app.exec(sql);
  return app;
}

const CREATE = "CREATE TABLE t (a); INSERT INTO t VALUES (1)";
const results = {};
results.absent = await state("absent.db");
writeFileSync(join(directory, "empty.db"), "");
results.empty = await state("empty.db");
writeFileSync(join(directory, "junk.db"), "no database ".repeat(1000));
results.junk = await state("junk.db");
mkdirSync(join(directory, "directory.db"));
results.directory = await state("directory.db");
make("rollback.db", CREATE).close();
results.rollback = await state("rollback.db");
const exclusive = make("exclusive.db", `PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; ${CREATE}`);
results.exclusive = await state("exclusive.db");
exclusive.close();
const odd = "a ?mode=ro&x#y%41 ü:.db";
const oddApp = make(odd, `PRAGMA journal_mode = WAL; ${CREATE}`);
results.odd = await state(odd);
oddApp.close();
// The test holds the lock of this one in another process.
results.locked = await state("locked.db");
console.log(JSON.stringify(results));
