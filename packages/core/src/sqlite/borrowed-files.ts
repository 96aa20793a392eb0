/**
 * Reading the database file and `-shm` without opening them.
 *
 * Danger: POSIX locks belong to the process, and closing *any* descriptor of a file drops all of them, SQLite's included; other
 * programs then overwrite or delete what the application still uses. So nothing is opened or closed here: SQLite's own descriptors are
 * found by device and inode, and looked at again around every batch of reads, because the number may be reused once its owner is gone.
 *
 * Windows locks by handle, so there the database is opened by path; `-shm` never is (its lock bytes are mandatory).
 */
import { closeSync, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { LSError } from "../errors.js";
import type { ReadAt } from "../wal/reader.js";

/** Device and inode: what a file is, whatever its name. */
export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Identity of the file at `path`, `undefined` when there is none. */
export function identify(path: string): FileIdentity | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? undefined : { dev: stat.dev, ino: stat.ino };
}

/** The system's own call, which is asked at every look at a resting database, is much cheaper; on Windows it replaces drives by what they stand for. */
const realPath = process.platform === "win32" ? realpathSync : realpathSync.native;

/** The name that SQLite makes `-wal` and `-shm` from: symbolic links are followed. A path that leads nowhere stays as it is. */
export function followLinks(path: string): string {
  try {
    return realPath(path);
  } catch {
    return path;
  }
}

/** The `-wal` of a database. SQLite holds no locks on it, so unlike the database and `-shm` it may be opened and closed at any time. */
export function walPathOf(databasePath: string): string {
  return `${followLinks(databasePath)}-wal`;
}

export function sameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino;
}

/** A file that SQLite has open in this process. */
export class BorrowedFile {
  readonly path: string;
  readonly identity: FileIdentity;
  #fd: number;
  readonly #owned: boolean;
  #closed = false;

  private constructor(path: string, identity: FileIdentity, fd: number, owned: boolean) {
    this.path = path;
    this.identity = identity;
    this.#fd = fd;
    this.#owned = owned;
  }

  /**
   * Finds a descriptor of the file at `path`. A connection must have read from it before.
   * @returns `undefined` when no descriptor of this process refers to the file.
   */
  static find(path: string): BorrowedFile | undefined {
    const identity = identify(path);
    if (identity === undefined) return undefined;
    if (process.platform === "win32") return new BorrowedFile(path, identity, openSync(path, "r"), true);
    const fd = findDescriptor(identity);
    return fd === undefined ? undefined : new BorrowedFile(path, identity, fd, false);
  }

  /** Whether the path still leads to this file: false after it was replaced, moved or deleted. */
  atPath(): boolean {
    return sameFile(identify(this.path), this.identity);
  }

  /**
   * Runs a synchronous batch of reads. `readAt` must not be kept.
   * @throws {@link LSError} `LS_INTERNAL` when SQLite has no descriptor of the file any more; what the batch read must not be used then.
   */
  batch<T>(reads: (readAt: ReadAt, fd: number) => T): T {
    this.#verify();
    const fd = this.#fd;
    const result = reads((into, position) => readFully(fd, into, position), fd);
    if (!refersTo(fd, this.identity)) throw gone(this.path);
    return result;
  }

  /** Idempotent; closes only what this class has opened (Windows). */
  close(): void {
    if (this.#owned && !this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }

  #verify(): void {
    if (this.#closed) throw gone(this.path);
    if (refersTo(this.#fd, this.identity)) return;
    // The connection that owned the descriptor was closed; another one of this process may have the file open.
    const fd = this.#owned ? undefined : findDescriptor(this.identity);
    if (fd === undefined) throw gone(this.path);
    this.#fd = fd;
  }
}

/** Whether this process, in whichever thread, has the file open. Always false on Windows, where descriptors of libraries are not visible. */
export function isOpenInProcess(identity: FileIdentity): boolean {
  return process.platform !== "win32" && findAmong(openDescriptors(), identity) !== undefined;
}

/** Reads until `into` is full or the file ends; returns the bytes read. */
export function readFully(fd: number, into: Uint8Array, position: number): number {
  let done = 0;
  while (done < into.byteLength) {
    const read = readSync(fd, into, done, into.byteLength - done, position + done);
    if (read === 0) break;
    done += read;
  }
  return done;
}

function gone(path: string): LSError {
  return new LSError("LS_INTERNAL", `SQLite no longer has ${path} open in this process`, { details: { path } });
}

function refersTo(fd: number, identity: FileIdentity): boolean {
  try {
    return sameFile(fstatSync(fd, { bigint: true }), identity);
  } catch {
    return false;
  }
}

const PROBE = new Uint8Array(1);

function findDescriptor(identity: FileIdentity): number | undefined {
  // Most files that are asked for were opened a moment ago.
  return findAmong(newestDescriptors(), identity) ?? findAmong(openDescriptors(), identity);
}

function findAmong(descriptors: Iterable<number>, identity: FileIdentity): number | undefined {
  for (const fd of descriptors) {
    if (!refersTo(fd, identity)) continue;
    try {
      // The application may hold one that is write-only.
      readSync(fd, PROBE, 0, 1, 0);
      return fd;
    } catch {
      // Not readable: look on.
    }
  }
  return undefined;
}

/** How many numbers below the lowest free one are tried before all of them are listed: our connections to a database have nine. */
const NEWEST = 12;

/** Descriptors that were opened last, as far as numbers tell: the system gives the lowest free one. */
function newestDescriptors(): number[] {
  try {
    const free = openSync(devNull, "r");
    closeSync(free);
    return Array.from({ length: Math.min(NEWEST, free) }, (_, i) => free - 1 - i);
  } catch {
    return [];
  }
}

/** Numbers to try where the system lists no descriptors. */
const SCAN_LIMIT = 4096;

function openDescriptors(): Iterable<number> {
  for (const directory of ["/proc/self/fd", "/dev/fd"]) {
    try {
      return readdirSync(directory).map(Number).filter(Number.isInteger);
    } catch {
      // Not on this system.
    }
  }
  return Array.from({ length: SCAN_LIMIT }, (_, fd) => fd);
}
