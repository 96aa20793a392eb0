import { statSync } from "node:fs";
import { reasonFor, whyNotReady } from "../../db/engine/readiness.js";
import { isLSError } from "../../errors.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";

/**
 * Whether a file is a database that is complete. One in another journal mode, or locked, is: its replication waits for that, and says so.
 *
 * Only SQLite opens it: opening and closing it by ourselves would drop the locks of the application's own connections. A copy that is still being
 * made is shorter than its header says, which SQLite takes for damage, or ends within a page, which it does not mind.
 * @throws errors of the system.
 */
export function isDatabase(driver: SQLiteDriver, path: string): boolean {
  try {
    const reason = whyNotReady(driver, path);
    return reason === undefined || reason === "not-wal" ? endsWithPage(driver, path) : reason !== "absent" && reason !== "empty";
  } catch (error) {
    if (isLSError(error, "LS_NOT_A_DATABASE")) return false;
    throw error;
  }
}

function endsWithPage(driver: SQLiteDriver, path: string): boolean {
  try {
    const connection = driver.open(path, { readonly: true, timeoutMs: 0 });
    try {
      // The first statement that reads: until then the page size is only what new databases would get.
      connection.row("PRAGMA user_version");
      const size = Number(connection.row("PRAGMA page_size")?.page_size);
      return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) % size === 0;
    } finally {
      connection.close();
    }
  } catch (error) {
    // Locked since a moment ago, or gone: the first is a database.
    const reason = reasonFor(error, path);
    if (reason === undefined) throw error;
    return reason !== "absent";
  }
}
