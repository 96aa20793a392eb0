/**
 * One replicator per database. `ls/lock` is a small SQLite file in rollback-journal mode; the holder's name is committed to its one row, and
 * a write transaction is then held open. SQLite's locks are the kernel's: they go away with the process, however it dies.
 *
 * Inside one process the kernel does not help (POSIX locks belong to the process, and closing the file anywhere drops them), so the file is
 * never opened twice: the process's own descriptor table, which all threads and all copies of this module share, says whether it is open
 * already. Two threads that pass that look at the same moment use the same SQLite copy (anything else is `LS_SECOND_SQLITE`), whose
 * connections know each other, so the second one gets SQLITE_BUSY. On Windows locks belong to handles and the same answer comes from there.
 */
import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { isLSError, LSError } from "../../errors.js";
import type { FileOwner } from "../../replica-client.js";
import { type FileIdentity, identify, isOpenInProcess, sameFile } from "../../sqlite/borrowed-files.js";
import { descriptorShortage } from "../../sqlite/descriptors.js";
import { isBusy, type SQLiteConnection, type SQLiteDriver, type SQLiteRow, sqliteErrorCode } from "../../sqlite/driver.js";
import { giveOwner, syncFile, TEMP_SUFFIX } from "./atomic-file.js";

/** Who holds a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** When the holder took the lock, ms since the epoch. */
  readonly startedMs: number;
}

/** How long a busy file is waited for: the holder writes its row in well under that, and holds no lock that keeps readers out afterwards. */
const BUSY_TIMEOUT_MS = 1000;

const POLL_MS = 5;
const SLEEPER = new Int32Array(new SharedArrayBuffer(4));

/** A lock that was laid down: whether anybody had it meanwhile shows when it is taken up again. */
export interface RestingLock {
  readonly path: string;
  readonly holder: LockHolder;
  /** What the row of this acquisition has, and no other. */
  readonly token: string;
  readonly identity: FileIdentity | undefined;
}

/** Locks of this thread that rest. The descriptor table does not show them, and their databases are refused to others in this thread all the same. */
const resting = new Set<string>();

/** A lock that is held until {@link DatabaseLock.release}, or until the process dies. */
export class DatabaseLock {
  readonly path: string;
  readonly holder: LockHolder;
  readonly #connection: SQLiteConnection;
  readonly #token: string;
  readonly #identity: FileIdentity | undefined;

  private constructor(path: string, { holder, token }: Taken, connection: SQLiteConnection) {
    this.path = path;
    this.holder = holder;
    this.#token = token;
    this.#connection = connection;
    this.#identity = identify(path);
  }

  /** Whether its file is still the one that others find at this path: a lock on any other keeps nobody out. */
  isInPlace(): boolean {
    return sameFile(identify(this.path), this.#identity);
  }

  /**
   * Makes the lock file where there is none: durable as a whole, so that whatever becomes of the row later, it stays a database. Without it
   * {@link DatabaseLock.acquire} makes one, at the price of several syncs in a row.
   * @returns the file that it made.
   */
  static async create(driver: SQLiteDriver, path: string, owner: FileOwner): Promise<FileIdentity | undefined> {
    if (identify(path) !== undefined) return undefined;
    const temp = `${path}.${randomUUID()}${TEMP_SUFFIX}`;
    try {
      writeFileSync(temp, emptyLock(driver, temp), { mode: owner.mode, flag: "wx" });
      giveOwner(temp, owner.mode, owner);
      await syncFile(temp);
      const made = identify(temp);
      // A file that has appeared meanwhile is somebody's lock, and stays.
      linkSync(temp, path);
      return made;
    } catch {
      // Where this cannot be done, taking the lock says why, or does without.
      return undefined;
    } finally {
      rmSync(temp, { force: true });
    }
  }

  /**
   * Takes the lock or throws at once.
   * @param path the lock file; its directory exists.
   * @param made what {@link DatabaseLock.create} made a moment ago: nobody had it open before, so the process's descriptors need not be looked through.
   * @throws {@link LSError} `LS_LOCKED` (details: `pid`, `host` and, of another process, `startedMs` of the holder); `LS_STORAGE_DENIED` and
   * `LS_STORAGE_UNAVAILABLE` when the file cannot be used.
   */
  static acquire(driver: SQLiteDriver, path: string, owner: FileOwner, made?: FileIdentity): DatabaseLock {
    const file = identify(path);
    if (resting.has(path) || (file !== undefined && !sameFile(file, made) && isOpenInProcess(file))) throw locked(path, { pid: process.pid, host: hostname() });
    let connection: SQLiteConnection | undefined;
    try {
      connection = driver.open(path, { create: true, timeoutMs: BUSY_TIMEOUT_MS });
      if (file === undefined) giveOwner(path, owner.mode, owner);
      else withoutSyncs(connection, path);
      return new DatabaseLock(path, take(connection, path), connection);
    } catch (error) {
      connection?.close();
      throw wrap(path, error);
    }
  }

  /** Releases it for as long as nothing is done under it. {@link DatabaseLock.resume} or {@link DatabaseLock.forget} has to follow. */
  rest(): RestingLock {
    this.#connection.close();
    resting.add(this.path);
    return { path: this.path, holder: this.holder, token: this.#token, identity: this.#identity };
  }

  /** Whether there is a file to take it up with. */
  static isThere({ path }: RestingLock): boolean {
    return identify(path) !== undefined;
  }

  /**
   * Takes up a lock that rests. Whoever takes the lock commits a token of its own before anything else, so finding the mark of one's own says that
   * nobody did.
   * @returns the lock, and whether nobody else had it meanwhile.
   * @throws as {@link DatabaseLock.acquire}; it goes on to rest then.
   */
  static resume(driver: SQLiteDriver, rested: RestingLock, owner: FileOwner): { readonly lock: DatabaseLock; readonly unbroken: boolean } {
    const { path, token } = rested;
    let connection: SQLiteConnection | undefined;
    resting.delete(path);
    try {
      if (!DatabaseLock.isThere(rested)) return { lock: DatabaseLock.acquire(driver, path, owner), unbroken: false };
      // The descriptors of the process are not looked at: whoever holds the lock here does so through the same SQLite copy, which refuses this one.
      connection = driver.open(path, { timeoutMs: 0 });
      beginAtOnce(connection, path, token);
      if (readMark(connection) === markOf(token)) {
        const lock = new DatabaseLock(path, rested, connection);
        // In another file the mark may be there by chance.
        if (sameFile(lock.#identity, rested.identity) || holderRow(connection)?.token === token) return { lock, unbroken: true };
      }
      connection.exec(`ROLLBACK; ${PATIENT}`);
      return { lock: new DatabaseLock(path, take(connection, path), connection), unbroken: false };
    } catch (error) {
      connection?.close();
      resting.add(path);
      throw wrap(path, error);
    }
  }

  /** A lock that rests will not be taken up again. */
  static forget({ path }: RestingLock): void {
    resting.delete(path);
  }

  /** Idempotent. The file stays: deleting it would let two processes hold locks on two files of one name. */
  release(): void {
    this.#connection.close();
  }
}

/**
 * Who holds the lock is of interest while he lives, and that needs no disk: after a power cut nobody does. Only the file itself has to be one that
 * SQLite accepts, and a row in its one page changes nothing about that, whether it was written or not.
 */
function withoutSyncs(connection: SQLiteConnection, path: string): void {
  if (statSync(path).size > 0) connection.exec("PRAGMA synchronous = OFF");
}

const SCHEMA = "CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER, host TEXT, started_ms INTEGER, token TEXT)";

let template: Uint8Array | undefined;

/** The bytes of a lock file that nobody holds. @param temp where one may be made for a moment */
function emptyLock(driver: SQLiteDriver, temp: string): Uint8Array {
  if (template !== undefined) return template;
  const path = temp.replace(TEMP_SUFFIX, `-new${TEMP_SUFFIX}`);
  try {
    const connection = driver.open(path, { create: true });
    try {
      // Small pages: SQLite gets memory for twenty of them at a time, and hundreds of locks may be held.
      connection.exec(`PRAGMA synchronous = OFF; PRAGMA page_size = 512; ${SCHEMA}`);
    } finally {
      connection.close();
    }
    template = readFileSync(path);
    return template;
  } finally {
    rmSync(path, { force: true });
  }
}

interface Taken {
  readonly holder: LockHolder;
  readonly token: string;
}

function take(connection: SQLiteConnection, path: string): Taken {
  const holder: LockHolder = { pid: process.pid, host: hostname(), startedMs: Date.now() };
  const token = randomUUID();
  begin(connection, path, token);
  connection.exec(SCHEMA);
  sign(connection, holder, token);
  connection.exec("COMMIT");
  begin(connection, path, token);
  // Between the two transactions another process may have committed its own row, seen this lock, and given up: the row would name it.
  if (connection.row("SELECT token FROM holder")?.token !== token) {
    sign(connection, holder, token);
    connection.exec("COMMIT");
    begin(connection, path, token);
    if (connection.row("SELECT token FROM holder")?.token !== token) throw locked(path, readHolder(connection, token));
  }
  return { holder, token };
}

function sign(connection: SQLiteConnection, { pid, host, startedMs }: LockHolder, token: string): void {
  connection.run("INSERT OR REPLACE INTO holder VALUES (1, ?, ?, ?, ?)", pid, host, startedMs, token);
  connection.exec(`PRAGMA user_version = ${markOf(token)}`);
}

/** A token's beginning, which lies in the file's header as well: there it is read without SQLite reading the schema first, at a third of the price. */
function markOf(token: string): number {
  return Number.parseInt(token.slice(0, 8), 16) | 0;
}

function readMark(connection: SQLiteConnection): number {
  return Number(connection.row("PRAGMA user_version")?.user_version);
}

const PATIENT = `PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`;

/** Waiting for a holder is pointless. Elsewhere it is not: a COMMIT waits for those who read its row to see who won, and the other way round. */
function begin(connection: SQLiteConnection, path: string, ownToken: string): void {
  connection.exec("PRAGMA busy_timeout = 0");
  beginAtOnce(connection, path, ownToken);
  connection.exec(PATIENT);
}

/** @param connection one that waits for nobody; it does from here on where the lock is somebody's. */
function beginAtOnce(connection: SQLiteConnection, path: string, ownToken: string): void {
  try {
    connection.exec("BEGIN IMMEDIATE");
  } catch (error) {
    if (!isBusy(error)) throw error;
    connection.exec(PATIENT);
    throw locked(path, readHolder(connection, ownToken));
  }
}

/** The holder as its row names it; waited for, because a holder commits its row before it can be found holding the lock for good. */
function readHolder(connection: SQLiteConnection, ownToken: string): LockHolder | undefined {
  const deadline = Date.now() + BUSY_TIMEOUT_MS;
  do {
    const row = holderRow(connection);
    // A row of our own: the holder came in between our two transactions.
    if (row !== undefined && row.token !== ownToken) return { pid: Number(row.pid), host: String(row.host), startedMs: Number(row.started_ms) };
    Atomics.wait(SLEEPER, 0, 0, POLL_MS);
  } while (Date.now() < deadline);
  return undefined;
}

function holderRow(connection: SQLiteConnection): SQLiteRow | undefined {
  try {
    return connection.row("SELECT pid, host, started_ms, token FROM holder");
  } catch (error) {
    // No table yet, or busy: it is locked all the same.
    if (sqliteErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}

function locked(path: string, holder: Omit<LockHolder, "startedMs"> | undefined): LSError {
  let by = "another process";
  if (holder !== undefined)
    by = holder.pid === process.pid && holder.host === hostname() ? `this process (pid ${holder.pid})` : `process ${holder.pid} on ${holder.host}`;
  return new LSError("LS_LOCKED", `the database is already being replicated by ${by} (${path})`, {
    details: { path, ...holder },
  });
}

function wrap(path: string, error: unknown): unknown {
  if (isLSError(error)) return error;
  const shortage = descriptorShortage(error, path);
  if (shortage !== undefined) return shortage;
  const code = sqliteErrorCode(error) ?? String(error);
  const options = { cause: error, details: { path } };
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN") || code === "SQLITE_PERM") {
    return new LSError("LS_STORAGE_DENIED", `cannot write the lock file ${path}: ${code}`, options);
  }
  if (code === "SQLITE_FULL") return new LSError("LS_DISK_FULL", `no room for the lock file ${path}`, { ...options, retryable: true });
  return new LSError("LS_STORAGE_UNAVAILABLE", `cannot use the lock file ${path}: ${code}; when no replicator runs it may be deleted`, options);
}
