import { LSError } from "../errors.js";
import { checkChoice, rejectUnknownOptions } from "../options.js";
import { fromURL } from "../registry.js";
import type { ReplicaClient } from "../replica-client.js";
import { checkedDriver, checkIntegrity, type IntegrityCheck, type OpenForCheck } from "./integrity.js";
import { RESTORE_TO_OPTIONS, type RestoreResult, type RestoreToOptions } from "./restore-options.js";
import { restoreTo } from "./restore-to.js";

/** Options of `restore()`. */
export interface RestoreOptions extends RestoreToOptions {
  /** Where the database goes. Must not exist, or be empty; missing directories are created. Relative paths are resolved now. */
  readonly outputPath: string;
  /** Whether SQLite looks the database over before it gets its name. Default `"none"`: every file's checksum is verified in any case. */
  readonly integrityCheck?: IntegrityCheck | undefined;
  /** `Database` of better-sqlite3, or `DatabaseSync` of node:sqlite; needed for an integrity check. Default: none, or that of the replica's `DB`. */
  readonly driver?: unknown;
}

/** What was restored, and where to. */
export interface RestoreFileResult extends RestoreResult {
  /** Absolute path of the database. */
  readonly path: string;
  /** `-wal`, `-shm` or `-journal` files of an earlier database of that name, which SQLite would have replayed into this one; removed. */
  readonly removedSidecars: readonly string[];
}

/** What to restore from: a client, something that has one (such as a `Replica`), or the URL of a backend that is imported. */
export type RestoreSource = ReplicaClient | { readonly client: ReplicaClient } | string;

/**
 * Restores a database into a new file, mode 0600. The file appears under its name when it is complete, verified and durable; after a failure or
 * an abort nothing is left. Needs a file system; {@link restoreTo} does not.
 * @throws {@link LSError} as {@link restoreTo}, and `LS_OUTPUT_EXISTS`, `LS_INTEGRITY_CHECK_FAILED`, `LS_DRIVER_REQUIRED`, `LS_DISK_FULL`,
 * `LS_STORAGE_DENIED`, `LS_INVALID_OPTION`.
 */
export function restore(source: RestoreSource, options: RestoreOptions): Promise<RestoreFileResult> {
  return restoreFile(source, options);
}

/** {@link restore} for callers that have a driver of their own: `own` opens for an integrity check when the options name no driver. */
export async function restoreFile(source: RestoreSource, options: RestoreOptions, own?: OpenForCheck): Promise<RestoreFileResult> {
  rejectUnknownOptions("restore", options, [...RESTORE_TO_OPTIONS, "outputPath", "integrityCheck", "driver"]);
  const { outputPath, integrityCheck, driver, ...target } = options;
  if (typeof outputPath !== "string" || outputPath === "" || outputPath.includes("\0")) {
    throw new LSError("LS_INVALID_OPTION", "outputPath must name a file", { details: { option: "outputPath" } });
  }
  const check = checkChoice<IntegrityCheck>("integrityCheck", integrityCheck, "none", ["none", "quick", "full"]);
  const open = checkedDriver(check, driver, own);
  // Loaded here, so that a bundle which only restores into sinks holds no file system code.
  const { FileOutput } = await import("./file-output.js");
  const verify = check === "none" || open === undefined ? undefined : (path: string) => checkIntegrity(open, path, check);
  const output = new FileOutput(outputPath, verify);
  target.signal?.throwIfAborted();
  await output.checkFree();

  const client = typeof source === "string" ? fromURL(source) : "client" in source ? source.client : source;
  try {
    const result = await restoreTo(client, output, target);
    return { ...result, path: output.path, removedSidecars: output.removedSidecars };
  } finally {
    if (typeof source === "string") await client.close();
  }
}
