import { LSError } from "../errors.js";
import { isNodeSQLite } from "../sqlite/database-sync.js";
import { checkDriverOption, type SQLiteConstructor } from "../sqlite/driver-option.js";

/** `"quick"` runs `PRAGMA quick_check`, `"full"` runs `PRAGMA integrity_check`, which also compares indexes with their tables. */
export type IntegrityCheck = "none" | "quick" | "full";

/** @throws LSError `LS_DRIVER_REQUIRED` when the check needs a driver and there is none, `LS_INVALID_OPTION` when it is something else. */
export function checkedDriver(check: IntegrityCheck, driver: unknown, own?: OpenForCheck): OpenForCheck | undefined {
  if (check === "none") return undefined;
  const Database = checkDriverOption(driver);
  if (Database !== undefined) return openWith(Database);
  if (own !== undefined) return own;
  throw new LSError(
    "LS_DRIVER_REQUIRED",
    `integrityCheck: "${check}" needs SQLite: pass Database of better-sqlite3, or DatabaseSync of node:sqlite, as the driver option`,
    { details: { option: "driver" } },
  );
}

/** Opens a database read-only, for a check. */
export type OpenForCheck = (path: string) => {
  /** First row of a statement. */
  row(sql: string): Readonly<Record<string, unknown>> | undefined;
  close(): void;
};

function openWith(Database: SQLiteConstructor): OpenForCheck {
  return (path) => {
    const database = isNodeSQLite(Database) ? new Database(path, { readOnly: true }) : new Database(path, { readonly: true, fileMustExist: true });
    return {
      // `as`: `get` is untyped; without raw or pluck mode it gives one property per column.
      row: (sql) => database.prepare(sql).get() as Record<string, unknown> | undefined,
      close: () => database.close(),
    };
  };
}

/**
 * Checks a database file that nobody else uses. Synchronous, as every SQLite driver of Node: a large database holds the thread for as long as it
 * takes to read it.
 * @throws LSError `LS_INTEGRITY_CHECK_FAILED` with the first problem.
 */
export function checkIntegrity(open: OpenForCheck, path: string, check: "quick" | "full"): void {
  const failed = (problem: string, cause?: unknown): LSError =>
    new LSError("LS_INTEGRITY_CHECK_FAILED", `the restored database is not sound: ${problem}`, { cause, details: { check, problem } });
  let problem: unknown;
  try {
    const database = open(path);
    try {
      problem = Object.values(database.row(check === "quick" ? "PRAGMA quick_check(1)" : "PRAGMA integrity_check(1)") ?? {})[0];
    } finally {
      database.close();
    }
  } catch (error) {
    throw failed(error instanceof Error ? error.message : String(error), error);
  }
  if (problem !== "ok") throw failed(String(problem));
}
