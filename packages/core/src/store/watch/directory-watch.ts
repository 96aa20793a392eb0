import type { DB } from "../../db/db.js";
import type { ErrorReport } from "../../db/events.js";
import type { CallOptions } from "../../replica-client.js";

/** What is known of a watched directory. */
export interface DirectoryWatchStatus {
  /** Absolute path. */
  readonly root: string;
  /** Databases in the Store because of this watch. */
  readonly databases: readonly string[];
  /** Files that match and are not databases (yet). */
  readonly waiting: readonly string[];
  /** Databases that could not be taken in, and why; each has been an event. */
  readonly refused: readonly { readonly path: string; readonly error: ErrorReport }[];
  /** Directories that cannot be listed. */
  readonly unreadable: readonly string[];
}

/** A directory whose databases are in a Store as long as they exist; `Store.watchDirectory()` makes it. It rests while the Store is closed. */
export interface DirectoryWatch {
  /** Absolute path. */
  readonly root: string;
  /** The databases that are in the Store because of this watch. */
  readonly databases: readonly DB[];
  /** What is known right now; no I/O. */
  status(): DirectoryWatchStatus;
  /**
   * Ends the watch for good, and takes its databases out of the Store: each is flushed and closed. Idempotent.
   * @throws LSError `LS_NOT_DURABLE` when something is not at its destination, as `Store.close()`.
   */
  close(options?: CallOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
