import {
  chmodSync,
  chownSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  fsyncSync,
  futimesSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import type { FileOwner } from "../../replica-client.js";
import { syncDirectory } from "../../sync-directory.js";
import { fileSystemError } from "../../system-error.js";

const fsyncAsync = promisify(fsync);

/** Ends the name of every file that is still being written. */
export const TEMP_SUFFIX = ".tmp";

/**
 * A file that appears under its name whole and durable, or not at all: written as `<path>.tmp`, then fsync, times, rename, fsync of the
 * directory.
 */
export class AtomicFileWriter {
  readonly path: string;
  readonly #temp: string;
  readonly #fd: number;
  #size = 0;
  #open = true;

  /** @throws {@link LSError} `LS_DISK_FULL`, `LS_STORAGE_DENIED` or `LS_STORAGE_UNAVAILABLE`, as every method here. */
  constructor(path: string, owner: FileOwner) {
    this.path = path;
    this.#temp = path + TEMP_SUFFIX;
    this.#fd = attempt("create", this.#temp, () => openSync(this.#temp, "w", owner.mode));
    try {
      giveDescriptor(this.#fd, owner);
    } catch {
      // Only root gives files away, and some file systems know no modes: the file stays the process's own.
    }
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size;
  }

  /** Appends; `bytes` may be reused afterwards. */
  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.byteLength; ) {
      done += attempt("write", this.#temp, () => writeSync(this.#fd, bytes, done, bytes.byteLength - done));
    }
    this.#size += bytes.byteLength;
  }

  /**
   * Makes the file visible and durable, replacing one of the same name.
   * @param timeMs modification time, whole ms since the epoch; default now.
   */
  commit(timeMs?: number): void {
    this.#setTime(timeMs);
    attempt("fsync", this.#temp, () => fsyncSync(this.#fd));
    this.#rename();
    fsyncDirectory(dirname(this.path));
  }

  /** {@link AtomicFileWriter.commit} without blocking the thread while the disk works. */
  async commitAsync(timeMs?: number): Promise<void> {
    this.#setTime(timeMs);
    await attemptAsync("fsync", this.#temp, () => fsyncAsync(this.#fd));
    this.#rename();
    await attemptAsync("fsync", dirname(this.path), () => syncDirectory(dirname(this.path)));
  }

  /** Leaves nothing behind; without effect after a successful {@link AtomicFileWriter.commit}. */
  abort(): void {
    this.#close();
    try {
      unlinkSync(this.#temp);
    } catch {
      // Renamed already, or never created; a temp file that stays is swept at the next start.
    }
  }

  #setTime(timeMs: number | undefined): void {
    if (timeMs === undefined) return;
    const seconds = fileTimeSeconds(timeMs);
    attempt("set the time of", this.#temp, () => futimesSync(this.#fd, seconds, seconds));
  }

  #rename(): void {
    // Order matters: Windows cannot rename an open file.
    this.#close();
    attempt("rename", this.path, () => renameSync(this.#temp, this.path));
  }

  #close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }
}

/** Mostly a new file has its mode and owner, unless the umask took bits away: a look costs less than two orders. */
function giveDescriptor(fd: number, { mode, uid, gid }: FileOwner): void {
  const is = fstatSync(fd);
  if ((is.mode & 0o7777) !== mode) fchmodSync(fd, mode);
  if (is.uid !== uid || is.gid !== gid) fchownSync(fd, uid, gid);
}

/** Writes a whole small file at once. */
export function writeFileAtomic(path: string, chunks: Iterable<Uint8Array>, owner: FileOwner, timeMs?: number): void {
  const writer = new AtomicFileWriter(path, owner);
  try {
    for (const chunk of chunks) writer.write(chunk);
    writer.commit(timeMs);
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/**
 * A time for utimes that Go reads back as exactly this millisecond: it cuts to nanoseconds, and half of all whole milliseconds have no exact
 * double, so they would land a microsecond low.
 */
export function fileTimeSeconds(timeMs: number): number {
  return (timeMs + 0.0005) / 1000;
}

/** Makes names in a directory durable. Without effect on Windows, where directories cannot be synced. */
export function fsyncDirectory(path: string): void {
  if (process.platform === "win32") return;
  attempt("fsync", path, () => {
    const fd = openSync(path, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  });
}

/** Makes the content of a file durable that nobody has open. */
export async function syncFile(path: string): Promise<void> {
  const fd = openSync(path, "r+");
  try {
    await fsyncAsync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Gives a path the database's mode and owner, as far as this process may. */
export function giveOwner(path: string, mode: number, owner: FileOwner): void {
  try {
    chmodSync(path, mode);
    chownSync(path, owner.uid, owner.gid);
  } catch {
    // As above: not ours to give.
  }
}

/** Runs a file-system call and gives its failure a stable code. */
export function attempt<T>(what: string, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw fileSystemError(error, what, path);
  }
}

/** {@link attempt} for a call that does not block. */
export async function attemptAsync<T>(what: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fileSystemError(error, what, path);
  }
}
