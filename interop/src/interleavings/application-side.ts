import type { Random } from "@ls/testkit";
import Database from "better-sqlite3";

/** An application on the same thread: each thing that it does is done when `act` returns. */
export class ApplicationSide {
  readonly #path: string;
  readonly #random: Random;
  #db: Database.Database;
  /** Transactions so far; each has a row of its own in `ledger`. */
  committed = 0;

  constructor(path: string, random: Random) {
    this.#path = path;
    this.#random = random;
    this.#db = new Database(path);
    this.#db.pragma(`page_size = ${random.pick([512, 1024, 4096])}`);
    this.#db.pragma("journal_mode = WAL");
    this.#db.exec("CREATE TABLE ledger (n INTEGER PRIMARY KEY); CREATE TABLE body (id INTEGER PRIMARY KEY, bytes)");
    this.#commit();
  }

  /** @returns what was done, in a word. */
  act(): string {
    const choice = this.#random.int(0, 19);
    if (choice <= 12) {
      for (let commits = this.#random.int(1, 3); commits > 0; commits--) this.#commit();
      return "commit";
    }
    if (choice <= 16) {
      const mode = this.#random.pick(["PASSIVE", "FULL", "RESTART", "TRUNCATE"]);
      // Nobody on this thread could let go of what it would wait for.
      this.#db.pragma("busy_timeout = 0");
      this.#db.pragma(`wal_checkpoint(${mode})`);
      return mode;
    }
    if (choice === 17) {
      this.#db.exec("VACUUM");
      return "VACUUM";
    }
    if (choice === 18) {
      this.#db.exec("BEGIN; INSERT INTO body (bytes) VALUES (randomblob(3000)); ROLLBACK");
      return "rollback";
    }
    this.#db.close();
    this.#db = new Database(this.#path);
    return "reopen";
  }

  /** The database as its readers see it. */
  image(): Uint8Array {
    return this.#db.serialize();
  }

  close(): void {
    this.#db.close();
  }

  #commit(): void {
    const bytes = this.#random.pick([10, 500, 5000, 40_000]);
    this.#db.transaction(() => {
      this.#db.prepare("INSERT INTO ledger VALUES (?)").run(this.committed + 1);
      this.#db.prepare("INSERT OR REPLACE INTO body VALUES (?, randomblob(?))").run(this.#random.int(1, 20), bytes);
    })();
    this.committed++;
  }
}
