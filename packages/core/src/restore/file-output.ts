import { randomBytes } from "node:crypto";
import { writeSync } from "node:fs";
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LSError } from "../errors.js";
import { syncDirectory } from "../sync-directory.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";
import type { PageSink, RestoredShape } from "./page-sink.js";

/**
 * The database file that a restore makes. Everything goes into a temporary file beside the output, which gets the output's name when it is
 * complete, checked and durable. After a failure nothing is left: not the file, not the directories made for it.
 *
 * A `-wal`, `-shm` or `-journal` of an earlier database is deadly beside a restored one: SQLite would replay it. They are removed before the new
 * file gets its name, so that a crash between the two leaves no database rather than a wrong one.
 */

/** What stands between the output's name and this is random. */
const TEMP_SUFFIX = /^[0-9a-f]{16}\.tmp(?:-wal|-shm|-journal)?$/;
/** Nobody writes a temporary file any more that has not changed for so long. */
const STALE_TEMP_MS = 60 * 60 * 1000;

const BYTES_PER_TURN = 1024 * 1024;

const SIDECARS = ["-wal", "-shm", "-journal"] as const;

export class FileOutput implements PageSink {
  /** Absolute path of the output. */
  readonly path: string;
  readonly #verify: ((tempPath: string) => void) | undefined;
  readonly #createdDirectories: string[] = [];
  #temp: { readonly path: string; readonly handle: FileHandle } | undefined;
  #shape: RestoredShape | undefined;
  /** Bytes written since the event loop had its turn. */
  #writtenInTurn = 0;
  /** Stale files that were removed, once `end` is done. */
  readonly removedSidecars: string[] = [];

  /** @param verify looks at the complete temporary file and throws when it is not sound. */
  constructor(path: string, verify?: (tempPath: string) => void) {
    this.path = resolve(path);
    this.#verify = verify;
  }

  /**
   * Refuses an output that is there already. An empty file does not count, unless a `-wal` or `-journal` may hold its content.
   * @throws LSError `LS_OUTPUT_EXISTS`.
   */
  async checkFree(): Promise<void> {
    const found = await statOf(this.path);
    if (found === undefined) return;
    if (!found.isFile()) throw this.#exists("is not a regular file");
    if (found.size > 0) throw this.#exists("exists already");
    for (const suffix of SIDECARS) {
      if ((await statOf(this.path + suffix)) !== undefined) throw this.#exists(`exists already, and ${suffix} beside it may hold its content`);
    }
  }

  async begin(shape: RestoredShape): Promise<void> {
    await this.checkFree();
    this.#shape = shape;
    await this.#createParents(dirname(this.path));
    await this.#sweepTempFiles();
    const path = `${this.path}.${randomBytes(8).toString("hex")}.tmp`;
    // Exclusive creation refuses a symbolic link that someone may have put there.
    const handle = await attempt("create", path, () => open(path, "wx", 0o600));
    this.#temp = { path, handle };
    await attempt("set the mode of", path, () => handle.chmod(0o600));
  }

  /**
   * Writes synchronously: through libuv's threads a write costs more CPU than copying its 256 KiB into the page cache. The event loop gets its turn
   * every MiB, so a slow disk delays others by one such write and no more.
   */
  pages(pgnos: Uint32Array, data: Uint8Array): Promise<void> | undefined {
    const { handle, path } = this.#open();
    const pageSize = data.length / pgnos.length;
    let start = 0;
    for (let i = 1; i <= pgnos.length; i++) {
      if (i < pgnos.length && pgnos[i] === (pgnos[i - 1] ?? 0) + 1) continue;
      const position = ((pgnos[start] ?? 0) - 1) * pageSize;
      writeAt(handle.fd, path, data.subarray(start * pageSize, i * pageSize), position);
      start = i;
    }
    this.#writtenInTurn += data.length;
    if (this.#writtenInTurn < BYTES_PER_TURN) return undefined;
    this.#writtenInTurn = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  async end(): Promise<void> {
    const { handle, path } = this.#open();
    const { commit, pageSize } = this.#shape ?? { commit: 0, pageSize: 0 };
    // The lock page, if it is the last one, has no content that would have made the file long enough.
    await attempt("write", path, () => handle.truncate(commit * pageSize));
    await attempt("sync", path, () => handle.sync());
    await handle.close();
    this.#temp = undefined;
    try {
      this.#verify?.(path);
      await this.#publish(path);
    } finally {
      for (const name of [path, ...SIDECARS.map((suffix) => path + suffix)]) await rm(name, { force: true });
    }
    this.#createdDirectories.length = 0;
  }

  async discard(): Promise<void> {
    const temp = this.#temp;
    this.#temp = undefined;
    if (temp !== undefined) {
      await temp.handle.close();
      await attempt("remove", temp.path, () => rm(temp.path, { force: true }));
    }
    for (const directory of this.#createdDirectories.splice(0).reverse()) {
      // Not empty: someone else uses it by now.
      await rmdir(directory).catch(() => {});
    }
  }

  async #publish(temp: string): Promise<void> {
    const directory = dirname(this.path);
    await this.checkFree();
    const replacesEmptyFile = (await statOf(this.path)) !== undefined;
    if (!replacesEmptyFile) {
      for (const suffix of SIDECARS) await this.#removeSidecar(this.path + suffix);
      await attempt("sync", directory, () => syncDirectory(directory));
    }
    if (replacesEmptyFile || !(await this.#linkTo(temp))) await attempt("rename", this.path, () => rename(temp, this.path));
    await attempt("sync", directory, () => syncDirectory(directory));
  }

  /** Gives the file its name unless something has it; false where the file system has no links. */
  async #linkTo(temp: string): Promise<boolean> {
    try {
      await link(temp, this.path);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === "EEXIST") throw this.#exists("was created meanwhile");
      if (code === "EACCES" || code === "ENOSPC" || code === "EDQUOT" || code === "EROFS") throw fileSystemError(error, "create", this.path);
      return false;
    }
    await attempt("remove", temp, () => unlink(temp));
    return true;
  }

  async #removeSidecar(path: string): Promise<void> {
    if ((await attempt("look at", path, () => lstat(path).catch(absent))) === undefined) return;
    await attempt("remove", path, () => unlink(path));
    this.removedSidecars.push(path);
  }

  /** A process that is killed again and again while it restores would fill the disk with what it leaves. */
  async #sweepTempFiles(): Promise<void> {
    const directory = dirname(this.path);
    const prefix = `${basename(this.path)}.`;
    const oldest = Date.now() - STALE_TEMP_MS;
    for (const name of await attempt("list", directory, () => readdir(directory))) {
      if (!name.startsWith(prefix) || !TEMP_SUFFIX.test(name.slice(prefix.length))) continue;
      const path = join(directory, name);
      const found = await statOf(path);
      if (found !== undefined && found.mtimeMs < oldest) await attempt("remove", path, () => rm(path, { force: true }));
    }
  }

  async #createParents(directory: string): Promise<void> {
    const found = await statOf(directory);
    if (found !== undefined) {
      if (!found.isDirectory()) throw new LSError("LS_STORAGE_UNAVAILABLE", `${directory} is not a directory`, { details: { path: directory } });
      return;
    }
    await this.#createParents(dirname(directory));
    await attempt("create", directory, () => mkdir(directory, 0o700).catch(present));
    this.#createdDirectories.push(directory);
    await attempt("sync", dirname(directory), () => syncDirectory(dirname(directory)));
  }

  #open(): { readonly path: string; readonly handle: FileHandle } {
    if (this.#temp === undefined) throw new TypeError("the output has not begun");
    return this.#temp;
  }

  #exists(why: string): LSError {
    return new LSError("LS_OUTPUT_EXISTS", `${this.path} ${why}; a restore does not overwrite`, { details: { path: this.path } });
  }
}

function writeAt(fd: number, path: string, bytes: Uint8Array, position: number): void {
  try {
    let at = 0;
    while (at < bytes.length) at += writeSync(fd, bytes, at, bytes.length - at, position + at);
  } catch (error) {
    throw fileSystemError(error, "write", path);
  }
}

async function statOf(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  return attempt("look at", path, () => stat(path).catch(absent));
}

function absent(error: unknown): undefined {
  if (systemErrorCode(error) !== "ENOENT") throw error;
}

function present(error: unknown): void {
  if (systemErrorCode(error) !== "EEXIST") throw error;
}

async function attempt<T>(operation: string, path: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw fileSystemError(error, operation, path);
  }
}
