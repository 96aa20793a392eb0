import type Database from "better-sqlite3";
import type { SQLiteDriver } from "../src/sqlite/driver.js";

/** The driver, with something that happens before each call that the engine makes to it. */
export function stepped(driver: SQLiteDriver, before: () => void): SQLiteDriver {
  const step = <T>(call: () => T): T => {
    before();
    return call();
  };
  return {
    ...driver,
    open: (path, options) => {
      const connection = step(() => driver.open(path, options));
      return {
        path: connection.path,
        exec: (sql) => step(() => connection.exec(sql)),
        row: (sql) => step(() => connection.row(sql)),
        run: (sql, ...values) => step(() => connection.run(sql, ...values)),
        close: () => step(() => connection.close()),
      };
    },
  };
}

/** What an application does after a commit. */
export const CHECKPOINTS: readonly { readonly name: string; readonly checkpoint: (app: Database.Database) => void }[] = [
  { name: "nothing, so that the WAL stays as it is", checkpoint: () => {} },
  { name: "a close, which folds the WAL in where our connections do not keep it from that", checkpoint: (app) => app.close() },
  { name: "a PASSIVE checkpoint", checkpoint: (app) => app.pragma("wal_checkpoint(PASSIVE)") },
  { name: "a TRUNCATE checkpoint", checkpoint: (app) => app.pragma("wal_checkpoint(TRUNCATE)") },
];
