import { resolve } from "node:path";
import type { DBOptions } from "../../db/options.js";
import { LSError } from "../../errors.js";
import { checkIntervalMs, rejectUnknownOptions } from "../../options.js";
import type { Replica } from "../../replica/replica.js";
import type { ReplicaClient } from "../../replica-client.js";
import { matcherOf } from "./names.js";

/** Options of `Store.watchDirectory()`. */
export interface WatchDirectoryOptions {
  /**
   * Where a database is replicated to: a Replica, a ReplicaClient or a replica URL, another one for each. `undefined` = this file is left alone.
   * Called once for each database that is found, again after it was gone, and again when what it returned could not be used.
   * @param path absolute path of the database.
   * @param relativePath its path from the root on, with forward slashes.
   */
  readonly replicaFor: (path: string, relativePath: string) => Replica | ReplicaClient | string | undefined;
  /**
   * Which files are looked at, as a glob or several. One without a slash is about the name, at any depth; one with a slash about the path from the
   * root on. Default `"*"`: all. Whatever matches must be an SQLite database as well.
   */
  readonly pattern?: string | readonly string[] | undefined;
  /** Whether directories below the root are watched too. Default false. */
  readonly recursive?: boolean | undefined;
  /**
   * Longest time until a change is seen where the system does not tell of it: 0, or 10 ms to one week. Default 1000. It grows where looking takes long, so
   * that it takes 1 % of the time at most. 0 = only what the system tells of.
   */
  readonly intervalMs?: number | undefined;
  /** Options of each `DB`. Default: none. */
  readonly databaseOptions?: Omit<DBOptions, "replica" | "metaPath"> | undefined;
}

/** {@link WatchDirectoryOptions}, checked and complete. */
export interface ResolvedWatchOptions {
  readonly root: string;
  readonly replicaFor: WatchDirectoryOptions["replicaFor"];
  readonly matches: (relativePath: string) => boolean;
  readonly recursive: boolean;
  readonly intervalMs: number;
  readonly databaseOptions: Omit<DBOptions, "replica" | "metaPath">;
}

const KNOWN: readonly (keyof WatchDirectoryOptions)[] = ["replicaFor", "pattern", "recursive", "intervalMs", "databaseOptions"];

/** @throws LSError `LS_INVALID_OPTION` */
export function resolveWatchOptions(root: string, options: WatchDirectoryOptions): ResolvedWatchOptions {
  if (typeof root !== "string" || root === "" || root.includes("\0")) throw invalid("root", "the first argument must be the path of a directory");
  if (typeof options !== "object" || options === null) throw invalid("replicaFor", "the second argument must be an object with replicaFor");
  rejectUnknownOptions("watchDirectory", options, KNOWN);
  const { replicaFor, pattern = "*", recursive = false, intervalMs, databaseOptions = {} } = options;
  if (typeof replicaFor !== "function") throw invalid("replicaFor", "replicaFor must be a function");
  if (typeof recursive !== "boolean") throw invalid("recursive", "recursive must be true or false");
  if (typeof databaseOptions !== "object" || databaseOptions === null) throw invalid("databaseOptions", "databaseOptions must be an object");
  for (const option of ["replica", "metaPath"]) {
    if (option in databaseOptions) throw invalid("databaseOptions", `databaseOptions cannot have ${option}: each database has its own`);
  }
  const patterns = typeof pattern === "string" ? [pattern] : [...pattern];
  if (patterns.length === 0 || patterns.some((one) => typeof one !== "string" || one === "")) {
    throw invalid("pattern", 'pattern must be a glob such as "*.db", or several');
  }
  return {
    root: resolve(root),
    replicaFor,
    matches: matcherOf(patterns),
    recursive,
    intervalMs: checkIntervalMs("intervalMs", intervalMs, 1000),
    databaseOptions,
  };
}

function invalid(option: string, message: string): LSError {
  return new LSError("LS_INVALID_OPTION", `watchDirectory: ${message}`, { details: { option } });
}
