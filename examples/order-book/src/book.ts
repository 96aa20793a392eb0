import { createHash } from "node:crypto";
import type { Database, Statement } from "better-sqlite3";
import type { Random } from "./random.js";

export const ACCOUNTS = 500;
/** What every account starts with; nothing ever enters or leaves the book, so the sum of all balances never changes. */
export const OPENING_BALANCE = 1_000_000;

/**
 * `batch` has one row per commit, numbered without gaps: its highest number is the counter of commits, and it says how many
 * transfers belong to it. So a database that holds half a commit, or misses one, can be told from a whole one.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS batch (number INTEGER PRIMARY KEY, transfers INTEGER NOT NULL, committed_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS transfer (
    id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, debtor INTEGER NOT NULL, creditor INTEGER NOT NULL, amount INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS transfer_batch ON transfer (batch);
  CREATE TABLE IF NOT EXISTS document (batch INTEGER PRIMARY KEY, body BLOB NOT NULL, digest BLOB NOT NULL);
`;

/** Puts the database into WAL mode and creates the tables and accounts; does nothing where they exist. */
export function openBook(db: Database): void {
  db.pragma("journal_mode = WAL");
  db.transaction(() => {
    db.exec(SCHEMA);
    const insert = db.prepare("INSERT OR IGNORE INTO account VALUES (?, ?)");
    for (let id = 1; id <= ACCOUNTS; id++) insert.run(id, OPENING_BALANCE);
  })();
}

/** The counter of commits: the number of the newest batch, 0 when there is none. */
export function lastBatch(db: Database): number {
  // `as`: the statement returns this one column.
  return db.prepare("SELECT coalesce(max(number), 0) FROM batch").pluck().get() as number;
}

export function digestOf(body: Uint8Array): Uint8Array {
  return createHash("sha256").update(body).digest();
}

/** Writes batches of transfers, one transaction each. */
export class BookWriter {
  readonly #db: Database;
  readonly #random: Random;
  readonly #move: Statement<[number, number]>;
  readonly #transfer: Statement<[number, number, number, number]>;
  readonly #document: Statement<[number, Uint8Array, Uint8Array]>;
  readonly #batch: Statement<[number, number, number]>;
  #next: number;

  constructor(db: Database, random: Random) {
    this.#db = db;
    this.#random = random;
    this.#move = db.prepare("UPDATE account SET balance = balance + ? WHERE id = ?");
    this.#transfer = db.prepare("INSERT INTO transfer (batch, debtor, creditor, amount) VALUES (?, ?, ?, ?)");
    this.#document = db.prepare("INSERT INTO document VALUES (?, ?, ?)");
    this.#batch = db.prepare("INSERT INTO batch VALUES (?, ?, ?)");
    this.#next = lastBatch(db) + 1;
  }

  /** Commits one batch and returns its number. */
  commit(): number {
    const transfers = batchSize(this.#random);
    this.#db.exec("BEGIN IMMEDIATE");
    this.#fill(transfers);
    this.#db.exec("COMMIT");
    return this.#next++;
  }

  /**
   * Begins a batch that is never finished: between the yielded moments its transaction stays open, half written, with the
   * accounts of the transfer in hand out of balance.
   */
  *interrupted(): Generator<void> {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#batch.run(this.#next, 1_000_000, Date.now());
    for (;;) {
      for (let row = 0; row < 500; row++) this.#transferOnce();
      this.#move.run(-1, 1);
      yield;
    }
  }

  #fill(transfers: number): void {
    for (let row = 0; row < transfers; row++) this.#transferOnce();
    if (this.#random.below(8) === 0) {
      const body = this.#random.bytes(this.#random.between(1, 20_000));
      this.#document.run(this.#next, body, digestOf(body));
    }
    this.#batch.run(this.#next, transfers, Date.now());
  }

  #transferOnce(): void {
    const debtor = this.#random.between(1, ACCOUNTS);
    const creditor = this.#random.between(1, ACCOUNTS);
    const amount = this.#random.between(1, 500);
    this.#move.run(-amount, debtor);
    this.#move.run(amount, creditor);
    this.#transfer.run(this.#next, debtor, creditor, amount);
  }
}

/** Mostly a few rows, at times thousands: 1 to 5,000. */
export function batchSize(random: Random): number {
  const kind = random.below(100);
  if (kind === 0) return random.between(1_000, 5_000);
  if (kind < 10) return random.between(10, 200);
  return random.between(1, 10);
}
