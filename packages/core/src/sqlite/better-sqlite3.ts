import { LSError } from "../errors.js";
import type { DriverSpec, OpenOptions, SQLiteConnection, SQLiteDriver, SQLiteRow, SQLiteValue } from "./driver.js";

/** What is used of a statement of better-sqlite3. */
export interface BetterSqlite3Statement {
  get(...values: unknown[]): unknown;
  run(...values: unknown[]): unknown;
}

/** What is used of a database of better-sqlite3. Structural, so that core depends on no driver. */
export interface BetterSqlite3Database {
  prepare(sql: string): BetterSqlite3Statement;
  exec(sql: string): unknown;
  close(): unknown;
}

/** The constructor that the package better-sqlite3 exports. */
export type BetterSqlite3Constructor = new (
  filename: string,
  options?: { readonly readonly?: boolean; readonly fileMustExist?: boolean; readonly timeout?: number; readonly nativeBinding?: string },
) => BetterSqlite3Database;

/** Whether a value is (as far as can be seen) the constructor of better-sqlite3. */
export function isBetterSqlite3(value: unknown): value is BetterSqlite3Constructor {
  if (typeof value !== "function") return false;
  const prototype: unknown = value.prototype;
  if (typeof prototype !== "object" || prototype === null) return false;
  return ["prepare", "exec", "pragma", "close", "serialize"].every((name) => name in prototype);
}

/** `sqlite_version()` of the copy behind a constructor; maps the native binary when nothing has done so yet. */
export function probeBetterSqlite3(Database: BetterSqlite3Constructor, nativeBinding?: string): string {
  const connection = new Connection(new Database(":memory:", nativeBinding === undefined ? {} : { nativeBinding }), ":memory:");
  try {
    return String(connection.row("SELECT sqlite_version() AS version")?.version);
  } finally {
    connection.close();
  }
}

/**
 * The driver over better-sqlite3.
 * @param addon the binary to open databases with, loaded: by its path it would be looked up for each database anew. `undefined` = the package finds its own.
 */
export function betterSqlite3Driver(
  Database: BetterSqlite3Constructor,
  { addon, spec, sqliteVersion }: { readonly addon: unknown; readonly spec: DriverSpec | undefined; readonly sqliteVersion: string },
): SQLiteDriver {
  return {
    name: "better-sqlite3",
    sqliteVersion,
    spec,
    open(path: string, options: OpenOptions = {}): SQLiteConnection {
      // better-sqlite3 trims file names and would open another file.
      if (path !== path.trim()) throw new LSError("LS_INVALID_OPTION", `better-sqlite3 cannot open a path with spaces at its ends: ${JSON.stringify(path)}`);
      const database = new Database(path, {
        readonly: options.readonly ?? false,
        fileMustExist: options.create !== true,
        timeout: options.timeoutMs ?? 0,
        // The package takes an add-on that is loaded as well, which its types do not say.
        ...(addon === undefined ? {} : { nativeBinding: addon as string }),
      });
      return new Connection(database, path);
    },
  };
}

class Connection implements SQLiteConnection {
  readonly path: string;
  readonly #database: BetterSqlite3Database;
  readonly #statements = new Map<string, BetterSqlite3Statement>();

  constructor(database: BetterSqlite3Database, path: string) {
    this.#database = database;
    this.path = path;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  row(sql: string): SQLiteRow | undefined {
    // `get` is untyped; without raw or pluck mode it gives plain objects of SQLite values.
    return this.#statement(sql).get() as SQLiteRow | undefined;
  }

  run(sql: string, ...values: SQLiteValue[]): void {
    this.#statement(sql).run(...values);
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #statement(sql: string): BetterSqlite3Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
