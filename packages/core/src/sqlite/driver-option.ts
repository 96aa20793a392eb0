import { LSError } from "../errors.js";
import { type BetterSqlite3Constructor, isBetterSqlite3 } from "./better-sqlite3.js";
import { isNodeSQLite, type NodeSQLiteConstructor } from "./database-sync.js";

/** The constructor that an application opens its databases with: `Database` of better-sqlite3, or `DatabaseSync` of node:sqlite. */
export type SQLiteConstructor = BetterSqlite3Constructor | NodeSQLiteConstructor;

/** @throws {@link LSError} `LS_INVALID_OPTION` for anything but a constructor of a supported driver, or `undefined`. */
export function checkDriverOption(driver: unknown): SQLiteConstructor | undefined {
  if (driver === undefined || isBetterSqlite3(driver) || isNodeSQLite(driver)) return driver;
  throw new LSError("LS_INVALID_OPTION", "driver must be a constructor: Database of better-sqlite3, or DatabaseSync of node:sqlite", {
    details: { option: "driver" },
  });
}
