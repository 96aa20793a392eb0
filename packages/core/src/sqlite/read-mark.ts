import type { SQLiteConnection } from "./driver.js";

/**
 * A read transaction on a connection of its own. While it is held no checkpoint copies frames beyond its snapshot, and no writer restarts
 * a WAL whose frames are not all in the database file.
 */
export class ReadMark {
  readonly connection: SQLiteConnection;
  #held = false;

  constructor(connection: SQLiteConnection) {
    this.connection = connection;
  }

  get held(): boolean {
    return this.#held;
  }

  /** Takes a snapshot of what is committed now. */
  begin(): void {
    if (this.#held) return;
    this.connection.exec("BEGIN");
    try {
      // BEGIN alone takes no lock. This reads page 1 without parsing the schema, which may hold what this copy does not know.
      this.connection.row("PRAGMA user_version");
    } catch (error) {
      this.connection.exec("ROLLBACK");
      throw error;
    }
    this.#held = true;
  }

  /** Idempotent. */
  end(): void {
    if (!this.#held) return;
    this.#held = false;
    this.connection.exec("ROLLBACK");
  }
}
