import { closeSync, fdatasync, fstatSync, openSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { readFully, walPathOf } from "../../sqlite/borrowed-files.js";
import { fileSystemError } from "../../system-error.js";
import type { ReadAt } from "../../wal/reader.js";
import { Doubt } from "./doubt.js";

const fdatasyncAsync = promisify(fdatasync);

/** Whether `error` says that a path does not exist. */
function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

/**
 * The `-wal` file. SQLite holds no locks on it, so unlike the database and `-shm` it may be opened and closed at any time.
 */
export class WalFile {
  readonly path: string;
  #fd: number | undefined;
  #inode = 0n;

  constructor(databasePath: string) {
    this.path = walPathOf(databasePath);
  }

  /** Reads like {@link ReadAt}; an absent file has no bytes. */
  readonly readAt: ReadAt = (into, position) => {
    const fd = this.#open();
    return fd === undefined ? 0 : readFully(fd, into, position);
  };

  /** @throws Doubt when the file that was read so far is no longer the one beside the database. */
  checkIdentity(): void {
    if (this.#fd === undefined) return;
    const now = statSync(this.path, { bigint: true, throwIfNoEntry: false });
    if (now === undefined) throw new Doubt("the WAL file was removed");
    if (now.ino !== this.#inode) throw new Doubt("the WAL file was replaced");
  }

  /** Size in bytes; 0 when the file is absent. */
  size(): number {
    const fd = this.#open();
    return fd === undefined ? 0 : fstatSync(fd).size;
  }

  /** Makes everything written to the file so far durable. */
  async sync(): Promise<void> {
    const fd = this.#open();
    if (fd !== undefined && fstatSync(fd).size > 0) await fdatasyncAsync(fd);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #open(): number | undefined {
    if (this.#fd !== undefined) return this.#fd;
    try {
      this.#fd = openSync(this.path, "r");
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw fileSystemError(error, "open", this.path);
    }
    this.#inode = fstatSync(this.#fd, { bigint: true }).ino;
    return this.#fd;
  }
}
