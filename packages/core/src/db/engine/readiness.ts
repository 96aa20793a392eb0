import { statSync } from "node:fs";
import { LSError } from "../../errors.js";
import { isBusy, type SQLiteDriver, sqliteErrorCode } from "../../sqlite/driver.js";
import type { NotReadyReason } from "../protocol.js";

/**
 * Why the database at `path` cannot be replicated now; `undefined` = it can. Never creates the file: what is absent or empty
 * is not opened at all, and the rest read-only.
 *
 * The file is looked at through SQLite only: opening and closing it by ourselves would drop the application's locks.
 * @throws {@link LSError} `LS_NOT_A_DATABASE` for a file that is something else.
 */
export function whyNotReady(driver: SQLiteDriver, path: string): NotReadyReason | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return "absent";
  if (!stat.isFile()) throw new LSError("LS_NOT_A_DATABASE", `${path} is not a file`, { details: { path } });
  if (stat.size === 0) return "empty";
  try {
    const connection = driver.open(path, { readonly: true, timeoutMs: 0 });
    try {
      connection.row("PRAGMA user_version");
      return connection.row("PRAGMA journal_mode")?.["journal_mode"] === "wal" ? undefined : "not-wal";
    } finally {
      connection.close();
    }
  } catch (error) {
    return reasonOf(error, path);
  }
}

/** The reason behind an error of SQLite while the database is being opened; anything else is thrown on. */
export function reasonOf(error: unknown, path: string): NotReadyReason {
  if (isBusy(error)) return "locked-exclusive";
  const code = sqliteErrorCode(error) ?? "";
  // A rollback journal that only a writer may play back: whatever mode it is in, it is not WAL.
  if (code.startsWith("SQLITE_READONLY")) return "not-wal";
  // Deleted between the look and the opening, or no permission: the next look tells which.
  if (code.startsWith("SQLITE_CANTOPEN")) return statSync(path, { throwIfNoEntry: false }) === undefined ? "absent" : "unsupported";
  if (code === "SQLITE_NOTADB") throw new LSError("LS_NOT_A_DATABASE", `${path} is not an SQLite database`, { cause: error, details: { path } });
  throw error;
}
