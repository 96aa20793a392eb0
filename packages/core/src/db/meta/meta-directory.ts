import { lstatSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { formatLTXFilename, parseLTXFilename, type TXID } from "@ls/ltx";
import type { FileOwner } from "../../replica-client.js";
import { syncDirectory } from "../../sync-directory.js";
import { systemErrorCode } from "../../system-error.js";
import { AtomicFileWriter, attempt, attemptAsync, fsyncDirectory, giveOwner, TEMP_SUFFIX } from "./atomic-file.js";

/** A level-0 file in the meta directory. */
export interface StagedEntry {
  readonly txid: TXID;
  readonly path: string;
  readonly size: number;
  /** Modification time, ms. */
  readonly timeMs: number;
}

/** Where the meta directory of a database is unless an option says otherwise: `.<name>-litestream` beside it, as upstream has it. */
export function defaultMetaPath(databasePath: string): string {
  const path = resolve(databasePath);
  return join(dirname(path), `.${basename(path)}-litestream`);
}

export function directoryExists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/**
 * The directory beside the database. `ltx/` is laid out as upstream lays it out and shared with it; `ls/` is ours alone.
 * Files and directories that are made here get the database's mode and owner.
 */
export class MetaDirectory {
  readonly path: string;
  readonly owner: FileOwner;

  constructor(path: string, owner: FileOwner) {
    this.path = resolve(path);
    this.owner = owner;
  }

  // Made when they are asked for: thousands of directories are known, and nearly all of them rest. Not joined: all parts are as they should be, and
  // when many rest and rise, that is a good part of the cost.

  /** Level-0 files: `<txid>-<txid>.ltx`. */
  get stagedPath(): string {
    return `${this.path}${sep}ltx${sep}0`;
  }

  get ownPath(): string {
    return `${this.path}${sep}ls`;
  }

  get lockPath(): string {
    return `${this.path}${sep}ls${sep}lock`;
  }

  get pageTablePath(): string {
    return `${this.path}${sep}ls${sep}pages`;
  }

  /** Whether the directory exists that this one lies in. */
  isPossible(): boolean {
    return directoryExists(dirname(this.path));
  }

  /** Makes what is missing, durably. Idempotent. */
  async create(): Promise<void> {
    const parents = new Set<string>();
    for (const directory of [this.path, join(this.path, "ltx"), this.stagedPath, this.ownPath]) {
      if (this.#makeDirectory(directory)) parents.add(dirname(directory));
    }
    await Promise.all([...parents].map((parent) => attemptAsync("fsync", parent, () => syncDirectory(parent))));
  }

  /**
   * Removes files that a killed process left half-written. Call it with the lock held: only then is nobody writing one.
   * @returns how many there were.
   */
  sweepTemp(): number {
    let count = 0;
    for (const directory of [this.stagedPath, this.ownPath]) {
      for (const entry of attempt("list", directory, () => readdirSync(directory, { withFileTypes: true }))) {
        if (!entry.isFile() || !entry.name.endsWith(TEMP_SUFFIX)) continue;
        const path = join(directory, entry.name);
        attempt("delete", path, () => unlinkSync(path));
        count++;
      }
    }
    return count;
  }

  /** Path of the level-0 file of one TXID. */
  stagedFile(txid: TXID): string {
    return `${this.stagedPath}${sep}${formatLTXFilename(txid, txid)}`;
  }

  /** The level-0 files, lowest TXID first. Other names, and files over several TXIDs, are not ours and left alone. */
  listStaged(): StagedEntry[] {
    const entries: StagedEntry[] = [];
    for (const name of this.#namesOfStaged() ?? []) {
      const range = parseLTXFilename(name);
      if (range === undefined || range.minTXID !== range.maxTXID) continue;
      const path = join(this.stagedPath, name);
      const stat = attempt("stat", path, () => lstatSync(path, { throwIfNoEntry: false }));
      if (stat === undefined || !stat.isFile()) continue;
      entries.push({ txid: range.minTXID, path, size: stat.size, timeMs: Math.floor(stat.mtimeMs) });
    }
    return entries.sort((a, b) => (a.txid < b.txid ? -1 : 1));
  }

  /** The highest TXID that has a level-0 file, by the names alone; 0n = none has, `undefined` = there is no directory. */
  newestStaged(): TXID | undefined {
    const names = this.#namesOfStaged();
    if (names === undefined) return undefined;
    let newest = 0n;
    for (const name of names) {
      const range = parseLTXFilename(name);
      if (range !== undefined && range.minTXID === range.maxTXID && range.maxTXID > newest) newest = range.maxTXID;
    }
    return newest;
  }

  /** Starts a level-0 file; it appears at `commit(timeMs)` with the header's time. */
  stage(txid: TXID): AtomicFileWriter {
    return new AtomicFileWriter(this.stagedFile(txid), this.owner);
  }

  /** Deletes one level-0 file; not an error when it is gone. */
  removeStaged(txid: TXID): void {
    const path = this.stagedFile(txid);
    attempt("delete", path, () => unlessAbsent(() => unlinkSync(path)));
  }

  /**
   * Moves level-0 files out of the way, for whoever wants to look at them: nothing reads or deletes them any more.
   * @returns the directory that holds them.
   */
  setAside(txids: readonly TXID[]): string {
    const parent = join(this.ownPath, "set-aside");
    if (this.#makeDirectory(parent)) fsyncDirectory(this.ownPath);
    // Colons are not allowed in names everywhere.
    const prefix = join(parent, `${new Date().toISOString().replaceAll(":", "")}-`);
    const directory = attempt("create", prefix, () => mkdtempSync(prefix));
    giveOwner(directory, 0o700, this.owner);
    for (const txid of txids) {
      const from = this.stagedFile(txid);
      attempt("move", from, () => renameSync(from, join(directory, basename(from))));
    }
    for (const changed of [directory, parent, this.stagedPath]) fsyncDirectory(changed);
    return directory;
  }

  removePageTable(): void {
    attempt("delete", this.pageTablePath, () => rmSync(this.pageTablePath, { force: true }));
  }

  /** Whether there is any level-0 file; also before the directory is made. */
  hasStaged(): boolean {
    return this.listStaged().length > 0;
  }

  /** `undefined` = there is no directory. */
  #namesOfStaged(): string[] | undefined {
    const path = this.stagedPath;
    return attempt("list", path, () => unlessAbsent(() => readdirSync(path)));
  }

  /** @returns whether it was missing; its name is durable once its parent is synced. */
  #makeDirectory(path: string): boolean {
    if (directoryExists(path)) return false;
    // Whoever may read the database's file may enter the directory.
    const mode = this.owner.mode | ((this.owner.mode & 0o444) >> 2) | 0o700;
    attempt("create", path, () => mkdirSync(path, { mode, recursive: true }));
    giveOwner(path, mode, this.owner);
    return true;
  }
}

/** `undefined` when what the call is about does not exist. */
function unlessAbsent<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
