import type Database from "better-sqlite3";
import type { Random } from "./random.js";

/** What the writer zoo can do in one step. */
export type Action =
  | "tiny"
  | "bulk"
  | "delete"
  | "vacuum"
  | "incremental-vacuum"
  | "ddl"
  | "without-rowid"
  | "fts5"
  | "overflow"
  | "grow-shrink"
  | "checkpoint-passive"
  | "checkpoint-full"
  | "checkpoint-restart"
  | "checkpoint-truncate";

/** Named mixtures: an action and its weight. */
export const WORKLOADS = {
  tiny: { tiny: 1 },
  bulk: { bulk: 3, tiny: 2, delete: 1 },
  shrink: { bulk: 2, delete: 2, "grow-shrink": 1, vacuum: 1 },
  vacuum: { tiny: 3, bulk: 2, delete: 2, vacuum: 2 },
  "incremental-vacuum": { bulk: 3, delete: 3, "incremental-vacuum": 3, tiny: 1 },
  ddl: { ddl: 3, tiny: 2, bulk: 1 },
  "without-rowid": { "without-rowid": 4, tiny: 1, delete: 1 },
  fts5: { fts5: 4, tiny: 1 },
  overflow: { overflow: 4, tiny: 1, delete: 1 },
  checkpoints: { tiny: 6, bulk: 1, "checkpoint-passive": 2, "checkpoint-full": 1, "checkpoint-restart": 2, "checkpoint-truncate": 2 },
  mixed: {
    tiny: 6,
    bulk: 2,
    delete: 2,
    vacuum: 1,
    ddl: 1,
    "without-rowid": 2,
    fts5: 2,
    overflow: 2,
    "checkpoint-passive": 1,
    "checkpoint-restart": 1,
    "checkpoint-truncate": 1,
  },
} as const satisfies Readonly<Record<string, Partial<Record<Action, number>>>>;

export type WorkloadName = keyof typeof WORKLOADS;

const CHECKPOINT_WAIT_MS = 50;

/**
 * The transactions of the writer zoo on one open connection. Every transaction also adds one row to `ledger`, whose
 * numbers run 1, 2, 3, … without a hole: what was committed can be counted in any copy of the database.
 */
export class Workload {
  readonly #db: Database.Database;
  readonly #random: Random;
  readonly #actions: readonly Action[];
  readonly #pageSize: number;
  readonly #busyTimeoutMs: number;

  constructor(db: Database.Database, random: Random, name: WorkloadName, options: { readonly busyTimeoutMs: number; readonly checkpoints: boolean }) {
    this.#db = db;
    this.#random = random;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    // `as`: Object.entries widens the literal keys of WORKLOADS to string.
    const weights = Object.entries(WORKLOADS[name]) as [Action, number][];
    this.#actions = weights
      .filter(([action]) => options.checkpoints || !action.startsWith("checkpoint"))
      .flatMap(([action, weight]) => new Array<Action>(weight).fill(action));
    createSchema(db);
    this.#pageSize = Number(db.pragma("page_size", { simple: true }));
  }

  /** Rows of `ledger`: transactions committed since the database exists. */
  get committed(): number {
    return this.#max("ledger");
  }

  /** One step of the mixture; returns what it was. */
  step(): Action {
    const action = this.#random.pick(this.#actions);
    this.run(action);
    return action;
  }

  run(action: Action): void {
    switch (action) {
      case "tiny":
        this.#transaction(() => this.#touchItems(this.#random.int(1, 3)));
        break;
      case "bulk":
        this.#transaction(() => this.#insertItems(this.#random.int(50, 400)));
        break;
      case "delete":
        this.#transaction(() => this.#deleteItems(this.#random.float() * 0.7));
        break;
      case "vacuum":
        this.#db.exec("VACUUM");
        break;
      case "incremental-vacuum":
        this.#transaction(() => this.#db.exec(`PRAGMA incremental_vacuum(${this.#random.int(1, 40)})`));
        break;
      case "ddl":
        this.#transaction(() => this.#changeSchema());
        break;
      case "without-rowid":
        this.#transaction(() => this.#touchPairs());
        break;
      case "fts5":
        this.#transaction(() => this.#touchDocuments());
        break;
      case "overflow":
        this.#transaction(() => this.#touchBlobs());
        break;
      case "grow-shrink":
        this.#transaction(() => this.#insertItems(800));
        this.#transaction(() => this.#deleteItems(0.95));
        this.#db.exec("VACUUM");
        this.#transaction(() => this.#touchItems(3));
        break;
      case "checkpoint-passive":
      case "checkpoint-full":
      case "checkpoint-restart":
      case "checkpoint-truncate":
        this.checkpoint(action.slice("checkpoint-".length));
        break;
    }
  }

  /** A checkpoint that gives up soon: a replicator's read mark makes RESTART and TRUNCATE wait for the whole busy timeout. */
  checkpoint(mode: string): void {
    this.#db.pragma(`busy_timeout = ${CHECKPOINT_WAIT_MS}`);
    try {
      this.#db.pragma(`wal_checkpoint(${mode.toUpperCase()})`);
    } finally {
      this.#db.pragma(`busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }

  /** One transaction that writes at least `bytes` bytes of rows that do not compress. */
  huge(bytes: number): void {
    const insert = this.#db.prepare("INSERT INTO blobs(data) VALUES (?)");
    const piece = Math.min(bytes, 1 << 20);
    this.#transaction(() => {
      for (let left = bytes; left > 0; left -= piece) insert.run(this.#random.bytes(piece));
    });
  }

  /** Writes rows of a transaction that the caller has begun. */
  fillOpenTransaction(): void {
    this.#insertItems(200);
  }

  #transaction(body: () => void): void {
    this.#db.exec("BEGIN IMMEDIATE");
    try {
      body();
      this.#db.prepare("INSERT INTO ledger(n, note) VALUES (?, ?)").run(this.#max("ledger") + 1, this.#random.text(this.#random.int(5, 40)));
      this.#db.exec("COMMIT");
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("ROLLBACK");
      throw error;
    }
  }

  #insertItems(count: number): void {
    const insert = this.#db.prepare("INSERT INTO items(name, value, body) VALUES (?, ?, ?)");
    for (let i = 0; i < count; i++) insert.run(this.#random.text(12), this.#random.int(0, 1_000_000), this.#random.text(this.#random.int(10, 200)));
  }

  #touchItems(count: number): void {
    const top = this.#max("items");
    for (let i = 0; i < count; i++) {
      const id = this.#random.int(1, top + 1);
      const dice = this.#random.float();
      if (dice < 0.5 || top === 0) this.#insertItems(1);
      else if (dice < 0.85) this.#db.prepare("UPDATE items SET value = value + 1, body = ? WHERE id = ?").run(this.#random.text(this.#random.int(10, 300)), id);
      else this.#db.prepare("DELETE FROM items WHERE id = ?").run(id);
    }
  }

  #deleteItems(share: number): void {
    const top = this.#max("items");
    const from = this.#random.int(0, Math.floor(top * (1 - share)));
    this.#db.prepare("DELETE FROM items WHERE id BETWEEN ? AND ?").run(from, from + Math.floor(top * share));
  }

  #touchPairs(): void {
    const put = this.#db.prepare("INSERT OR REPLACE INTO pairs(area, key, value) VALUES (?, ?, ?)");
    for (let i = this.#random.int(1, 60); i > 0; i--)
      put.run(`area ${this.#random.int(1, 9)}`, this.#random.text(this.#random.int(4, 20)), this.#random.bytes(this.#random.int(0, 80)));
    this.#db.prepare("DELETE FROM pairs WHERE area = ? AND key < ?").run(`area ${this.#random.int(1, 9)}`, this.#random.text(2));
  }

  #touchDocuments(): void {
    const top = this.#max("documents");
    const insert = this.#db.prepare("INSERT INTO documents(title, body) VALUES (?, ?)");
    for (let i = this.#random.int(1, 8); i > 0; i--) insert.run(this.#random.text(20), this.#random.text(this.#random.int(50, 1500)));
    if (top > 0 && this.#random.chance(0.5))
      this.#db.prepare("UPDATE documents SET body = ? WHERE rowid = ?").run(this.#random.text(400), this.#random.int(1, top));
    if (top > 0 && this.#random.chance(0.3)) this.#db.prepare("DELETE FROM documents WHERE rowid = ?").run(this.#random.int(1, top));
    if (this.#random.chance(0.1)) this.#db.prepare("INSERT INTO documents(documents) VALUES ('optimize')").run();
  }

  #touchBlobs(): void {
    const length = this.#random.int(this.#pageSize, Math.min(this.#pageSize * 20, 300_000));
    const top = this.#max("blobs");
    const dice = this.#random.float();
    if (top === 0 || dice < 0.55) this.#db.prepare("INSERT INTO blobs(data) VALUES (?)").run(this.#random.bytes(length));
    else if (dice < 0.8) this.#db.prepare("UPDATE blobs SET data = ? WHERE id = ?").run(this.#random.bytes(length), this.#random.int(1, top));
    else this.#db.prepare("DELETE FROM blobs WHERE id = ?").run(this.#random.int(1, top));
  }

  #changeSchema(): void {
    // Unique over all processes that ever write this database.
    const n = this.#max("ledger") + 1;
    // `as`: pluck() of a text column.
    const extra = this.#db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'extra^_%' ESCAPE '^'").pluck().all() as string[];
    const dice = this.#random.float();
    if (extra.length === 0 || dice < 0.4) {
      this.#db.exec(`CREATE TABLE extra_${n} (id INTEGER PRIMARY KEY, a TEXT, b INTEGER DEFAULT ${n}, c AS (b * 2))`);
      const insert = this.#db.prepare(`INSERT INTO extra_${n}(a) VALUES (?)`);
      for (let i = this.#random.int(1, 60); i > 0; i--) insert.run(this.#random.text(30));
    } else if (dice < 0.6) this.#db.exec(`CREATE INDEX index_${n} ON ${this.#random.pick(extra)}(a, b)`);
    else if (dice < 0.75) this.#db.exec(`ALTER TABLE ${this.#random.pick(extra)} ADD COLUMN added_${n} TEXT DEFAULT 'x'`);
    else if (dice < 0.85) this.#db.exec(`CREATE VIEW view_${n} AS SELECT count(*) AS n FROM items`);
    else {
      this.#db.exec("DROP VIEW IF EXISTS dropped");
      this.#db.exec(`DROP TABLE ${this.#random.pick(extra)}`);
    }
  }

  #max(table: string): number {
    const key = table === "ledger" ? "n" : "rowid";
    return Number(this.#db.prepare(`SELECT coalesce(max(${key}), 0) FROM ${table}`).pluck().get());
  }
}

function createSchema(db: Database.Database): void {
  db.exec(`
    BEGIN;
    CREATE TABLE IF NOT EXISTS ledger (n INTEGER PRIMARY KEY, note TEXT);
    CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY, name TEXT, value INTEGER, body TEXT);
    CREATE INDEX IF NOT EXISTS items_by_name ON items(name, value);
    CREATE TABLE IF NOT EXISTS pairs (area TEXT, key TEXT, value BLOB, PRIMARY KEY (area, key)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, data BLOB);
    CREATE VIRTUAL TABLE IF NOT EXISTS documents USING fts5(title, body);
    COMMIT;
  `);
}
