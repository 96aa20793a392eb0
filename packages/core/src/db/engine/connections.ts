import { BorrowedFile, followLinks } from "../../sqlite/borrowed-files.js";
import { descriptorShortage } from "../../sqlite/descriptors.js";
import type { SQLiteConnection, SQLiteDriver } from "../../sqlite/driver.js";
import { ReadMark } from "../../sqlite/read-mark.js";
import type { VersionGate } from "../../sqlite/version-gate.js";
import { type WALStatusSource, walStatusSource } from "../../sqlite/wal-status.js";
import { Doubt } from "./doubt.js";

/** What a checkpoint says when it is done. */
export interface CheckpointResult {
  /** Another connection is in a checkpoint, or in the way of one. */
  readonly busy: boolean;
  /** Committed frames in the WAL (mxFrame). */
  readonly frames: number;
  /** Of these, frames that are in the database file too (nBackfill). */
  readonly backfilled: number;
}

/**
 * Our connections to one database.
 *
 * - two read-only ones, the *keeper*: they take turns in holding the read mark, and a read-only connection that closes last
 *   leaves the WAL as it is (its descriptor cannot take the exclusive lock), so a restart continues where this run stopped;
 * - an idle read-only one that is never in a transaction: NOOP is refused inside one's own;
 * - a read-write one for PASSIVE (refused on a read-only one) that never checkpoints by itself; opened when there is something to checkpoint.
 *
 * Each has read once before it is used: a connection without its shared lock protects nothing.
 */
export class Connections {
  readonly keeper: readonly [ReadMark, ReadMark];
  /** Where SQLite says the WAL stands. */
  readonly status: WALStatusSource;
  /** The database file, through one of SQLite's own descriptors. */
  readonly database: BorrowedFile;
  readonly #idle: SQLiteConnection;
  #writer: SQLiteConnection | undefined;
  readonly #driver: SQLiteDriver;
  readonly #path: string;

  /** @throws the driver's error when one of them cannot be opened; none is left open then. */
  constructor(driver: SQLiteDriver, path: string, gate: VersionGate) {
    this.#driver = driver;
    this.#path = path;
    const opened: SQLiteConnection[] = [];
    const open = (): SQLiteConnection => {
      const connection = driver.open(path, { readonly: true, timeoutMs: 0 });
      opened.push(connection);
      connection.row("PRAGMA user_version");
      return connection;
    };
    try {
      this.keeper = [new ReadMark(open()), new ReadMark(open())];
      this.#idle = open();
      this.database = borrow(path);
      this.status = walStatusSource(gate, this.#idle, () => borrow(`${followLinks(path)}-shm`));
    } catch (error) {
      // Newest first: a read-only one closes last.
      for (const connection of opened.reverse()) connection.close();
      throw error;
    }
  }

  /** Bytes of one page. */
  pageSize(): number {
    return Number(this.#idle.row("PRAGMA page_size")?.page_size);
  }

  /**
   * Copies what no read mark protects into the database file. Never waits for anybody.
   * @throws Doubt when another file is at the database's path by now.
   */
  passive(): CheckpointResult {
    this.#writer ??= this.#openWriter();
    const row = this.#writer.row("PRAGMA wal_checkpoint(PASSIVE)");
    return { busy: row?.busy !== 0, frames: Number(row?.log), backfilled: Number(row?.checkpointed) };
  }

  /** A further read-write connection, for the time of a barrier. */
  openBarrier(): SQLiteConnection {
    return this.#openWriter();
  }

  #openWriter(): SQLiteConnection {
    const connection = this.#open(false);
    try {
      connection.exec("PRAGMA wal_autocheckpoint=0");
      connection.row("PRAGMA user_version");
      // The others hold on to the file that they have opened.
      if (!this.database.atPath()) throw new Doubt("the database file was replaced");
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** A further read-only connection, for a snapshot that outlives the mark. */
  openReader(): ReadMark {
    return new ReadMark(this.#open(true));
  }

  #open(readonly: boolean): SQLiteConnection {
    try {
      return this.#driver.open(this.#path, { readonly, timeoutMs: 0 });
    } catch (error) {
      throw descriptorShortage(error, this.#path) ?? error;
    }
  }

  /**
   * Closes everything, also when one of them refuses; open transactions end with their connection.
   * Order matters: read-write, idle, keeper. The last one to close must not be able to checkpoint and delete the WAL.
   */
  close(): void {
    this.database.close();
    const [first, second] = this.keeper;
    const failures: unknown[] = [];
    for (const connection of [this.#writer, this.#idle, first.connection, second.connection]) {
      try {
        connection?.close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "connections of the engine could not be closed");
  }
}

function borrow(path: string): BorrowedFile {
  const file = BorrowedFile.find(path);
  if (file === undefined) throw new Doubt(`${path} was replaced while it was opened`);
  return file;
}
