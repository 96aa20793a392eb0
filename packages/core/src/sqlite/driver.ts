import { resultCodeName } from "./result-codes.js";

/** A value as SQLite gives it. 64-bit integers come as numbers; none that the engine asks for exceeds 2^53. */
export type SQLiteValue = number | string | bigint | null | Uint8Array;

export type SQLiteRow = Readonly<Record<string, SQLiteValue>>;

export interface OpenOptions {
  /** Default false. A read-only connection never writes the database, not even when it closes last. */
  readonly readonly?: boolean;
  /** Create the file when it is absent. Default false. */
  readonly create?: boolean;
  /** Busy timeout in ms, 0 = fail at once. Default 0. */
  readonly timeoutMs?: number;
}

/** One connection: the few calls of SQLite that the engine makes. Synchronous, like every SQLite driver of Node. */
export interface SQLiteConnection {
  readonly path: string;
  /** Runs statements and ignores what they return. Errors are the driver's own; see {@link sqliteErrorCode}. */
  exec(sql: string): void;
  /** First row of a statement, `undefined` when there is none. The compiled statement is kept for the next call. */
  row(sql: string): SQLiteRow | undefined;
  /** Runs one statement that returns nothing, with bound values. */
  run(sql: string, ...values: SQLiteValue[]): void;
  /** Idempotent; an open transaction is rolled back. */
  close(): void;
}

/** One copy of SQLite, reached through one driver package. */
export interface SQLiteDriver {
  readonly name: "better-sqlite3" | "node:sqlite";
  /** `sqlite_version()`, such as "3.53.2". */
  readonly sqliteVersion: string;
  /** What another thread needs to reach the same copy; `undefined` when the driver's module has no path, as in a bundle. */
  readonly spec: DriverSpec | undefined;
  open(path: string, options?: OpenOptions): SQLiteConnection;
}

/** How a worker finds the application's copy of SQLite; survives structured cloning. */
export type DriverSpec = BetterSqlite3Spec | { readonly name: "node:sqlite" };

export interface BetterSqlite3Spec {
  readonly name: "better-sqlite3";
  /** Absolute path of the package's main module. */
  readonly modulePath: string;
  /** Absolute path of the mapped native binary; absent where the system does not tell, the package then finds its own. */
  readonly nativeBinding?: string | undefined;
}

/** SQLite's result code as a word, such as "SQLITE_BUSY" or "SQLITE_IOERR_WRITE"; `undefined` when `error` does not come from SQLite. */
export function sqliteErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return undefined;
  if (error.code === "ERR_SQLITE_ERROR") return "errcode" in error && typeof error.errcode === "number" ? resultCodeName(error.errcode) : undefined;
  return error.code.startsWith("SQLITE_") ? error.code : undefined;
}

/** Whether another connection holds a lock that the call needed. */
export function isBusy(error: unknown): boolean {
  const code = sqliteErrorCode(error);
  return code !== undefined && (code === "SQLITE_LOCKED" || code.startsWith("SQLITE_BUSY"));
}
