import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { LSError } from "../errors.js";
import { isNodeSQLite, type NodeSQLiteConstructor, type NodeSQLiteDatabase, type NodeSQLiteStatement } from "./database-sync.js";
import type { OpenOptions, SQLiteConnection, SQLiteDriver, SQLiteRow, SQLiteValue } from "./driver.js";

const MODULE = "node:sqlite";
/** The oldest Node that is supported with it: read-only databases without a flag, and Node-API 10 for whoever changes to better-sqlite3 13. */
const NEEDS_NODE: readonly [major: number, minor: number] = [22, 14];

/** Whether this Node can be used with node:sqlite. Does not load it. */
export function nodeSQLiteSupported(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NEEDS_NODE[0] || (major === NEEDS_NODE[0] && minor >= NEEDS_NODE[1]);
}

/**
 * `DatabaseSync` of this Node. Loads node:sqlite, which counts as a copy of SQLite in the process from then on.
 * @throws {@link LSError} `LS_DRIVER_REQUIRED` when this Node is too old, or was started or built without it.
 */
function loadNodeSQLite(): NodeSQLiteConstructor {
  const module: unknown = nodeSQLiteSupported() ? process.getBuiltinModule(MODULE) : undefined;
  const DatabaseSync: unknown = typeof module === "object" && module !== null ? Reflect.get(module, "DatabaseSync") : undefined;
  if (isNodeSQLite(DatabaseSync)) return DatabaseSync;
  throw new LSError(
    "LS_DRIVER_REQUIRED",
    `node:sqlite needs Node ${NEEDS_NODE.join(".")} or newer, and is not usable in this process (Node ${process.versions.node}); use better-sqlite3`,
  );
}

/**
 * The driver over node:sqlite: SQLite is inside the executable, so all threads have the same copy.
 * @throws {@link LSError} `LS_DRIVER_REQUIRED` when this Node is too old.
 */
export function nodeSQLiteDriver(DatabaseSync: NodeSQLiteConstructor = loadNodeSQLite()): SQLiteDriver {
  if (!nodeSQLiteSupported()) loadNodeSQLite();
  const probe = new Connection(new DatabaseSync(":memory:"), ":memory:");
  const sqliteVersion = String(probe.row("SELECT sqlite_version() AS version")?.version);
  probe.close();
  return {
    name: MODULE,
    sqliteVersion,
    spec: { name: MODULE },
    open(path: string, options: OpenOptions = {}): SQLiteConnection {
      const { readonly = false, create = false, timeoutMs = 0 } = options;
      // An absolute path is never taken for a URI. A database that must exist needs one: the only other way to open for writing creates it.
      const name = readonly || create ? resolve(path) : `${pathToFileURL(path).href}?mode=rw`;
      const connection = new Connection(new DatabaseSync(name, { readOnly: readonly, timeout: 0 }), path);
      // By statement: Node < 22.16 does not know the option.
      if (timeoutMs > 0) connection.exec(`PRAGMA busy_timeout = ${timeoutMs}`);
      return connection;
    },
  };
}

class Connection implements SQLiteConnection {
  readonly path: string;
  readonly #database: NodeSQLiteDatabase;
  readonly #statements = new Map<string, NodeSQLiteStatement>();
  #closed = false;

  constructor(database: NodeSQLiteDatabase, path: string) {
    this.#database = database;
    this.path = path;
  }

  exec(sql: string): void {
    this.#database.exec(sql);
  }

  row(sql: string): SQLiteRow | undefined {
    const statement = this.#statement(sql);
    try {
      // `get` is untyped; it gives plain objects of SQLite values.
      return statement.get() as SQLiteRow | undefined;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return roundedRow(statement);
    }
  }

  run(sql: string, ...values: SQLiteValue[]): void {
    this.#statement(sql).run(...values);
  }

  close(): void {
    // A second close() of node:sqlite throws.
    if (this.#closed) return;
    this.#statements.clear();
    this.#database.close();
    this.#closed = true;
  }

  #statement(sql: string): NodeSQLiteStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** A row with integers beyond 2^53, which node:sqlite refuses to give as numbers: rounded, as every driver here gives them. */
function roundedRow(statement: NodeSQLiteStatement): SQLiteRow | undefined {
  statement.setReadBigInts(true);
  try {
    // `as`: see row().
    const row = statement.get() as SQLiteRow | undefined;
    if (row === undefined) return undefined;
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value]));
  } finally {
    statement.setReadBigInts(false);
  }
}
