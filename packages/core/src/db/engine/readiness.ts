import { statSync } from "node:fs";
import { dirname } from "node:path";
import { isLSError, LSError } from "../../errors.js";
import type { FileOwner } from "../../replica-client.js";
import { descriptorShortage } from "../../sqlite/descriptors.js";
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
      return connection.row("PRAGMA journal_mode")?.journal_mode === "wal" ? undefined : "not-wal";
    } finally {
      connection.close();
    }
  } catch (error) {
    const reason = reasonFor(error, path);
    if (reason === undefined) throw error;
    return reason;
  }
}

/**
 * The reason for not being ready that an error from a database stands for, if it is one.
 * @throws LSError `LS_NOT_A_DATABASE`; `LS_STORAGE_UNAVAILABLE` when only the process's descriptors have run out, which says nothing about the database.
 */
export function reasonFor(error: unknown, path: string): NotReadyReason | undefined {
  if (isLSError(error, "LS_NOT_READY")) return error.details.reason === "not-wal" ? "not-wal" : "unsupported";
  if (isBusy(error)) return "locked-exclusive";
  const code = sqliteErrorCode(error) ?? "";
  // A rollback journal that only a writer may play back: whatever mode it is in, it is not WAL.
  if (code.startsWith("SQLITE_READONLY")) return "not-wal";
  const shortage = descriptorShortage(error, path);
  if (shortage !== undefined) throw shortage;
  // Deleted between the look and the opening, or no permission: the next look tells which.
  if (code.startsWith("SQLITE_CANTOPEN")) return statSync(path, { throwIfNoEntry: false }) === undefined ? "absent" : "unsupported";
  if (code === "SQLITE_NOTADB") throw new LSError("LS_NOT_A_DATABASE", `${path} is not an SQLite database`, { cause: error, details: { path } });
  if (code.startsWith("SQLITE_CORRUPT"))
    throw new LSError("LS_NOT_A_DATABASE", `${path} is damaged: SQLite cannot read it`, { cause: error, details: { path } });
  return undefined;
}

/** Whether an error is SQLite's word for a file that is not the intact database it was. */
export function isDamage(error: unknown): boolean {
  const code = sqliteErrorCode(error) ?? "";
  return code === "SQLITE_NOTADB" || ["SQLITE_CORRUPT", "SQLITE_IOERR", "SQLITE_CANTOPEN"].some((prefix) => code.startsWith(prefix));
}

/** Mode and owner of what is made beside the database: its own, or its directory's owner while there is no database. */
export function ownerOf(path: string): FileOwner {
  const database = statSync(path, { throwIfNoEntry: false });
  if (database !== undefined) return { mode: database.mode & 0o777, uid: database.uid, gid: database.gid };
  const directory = statSync(dirname(path), { throwIfNoEntry: false });
  return { mode: 0o600, uid: directory?.uid ?? process.getuid?.() ?? 0, gid: directory?.gid ?? process.getgid?.() ?? 0 };
}
