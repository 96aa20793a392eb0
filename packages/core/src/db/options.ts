import { resolve } from "node:path";
import { LSError } from "../errors.js";
import type { Logger } from "../logger.js";
import { checkChoice, checkInteger, checkIntervalMs, checkLogger, rejectUnknownOptions } from "../options.js";
import { REPLICA_BRAND, type Replica } from "../replica/replica.js";
import type { ReplicaClient } from "../replica-client.js";
import { checkDriverOption, type SQLiteConstructor } from "../sqlite/driver-option.js";
import { databasePath } from "./database-path.js";
import type { DBEvent } from "./events.js";
import type { DestinationObserver } from "./membership.js";
import { defaultMetaPath } from "./meta/meta-directory.js";
import type { EngineSettings } from "./protocol.js";

/**
 * Options of a `DB`. Intervals are in milliseconds: 0, or 10 ms to one week; 0 always means that nothing happens by the clock.
 * Sizes are in bytes.
 */
export interface DBOptions {
  /** Where the database is replicated to. */
  readonly replica: Replica;
  /**
   * The constructor that the application opens its databases with: `Database` of better-sqlite3, or `DatabaseSync` of node:sqlite (Node ≥ 22.14).
   * Default: node:sqlite when it is the only copy of SQLite that is loaded already; else the better-sqlite3 that this package resolves, else the
   * program's, else node:sqlite.
   */
  readonly driver?: SQLiteConstructor | undefined;
  /** Thread of the engine: one worker for all databases, or the application's own thread. Default `"worker"`. */
  readonly host?: "worker" | "inline" | undefined;
  /** Directory for staged files, lock and page table. Default `.<name>-litestream` beside the database. */
  readonly metaPath?: string | undefined;
  /** How often the database is looked at when no change notification arrives: 0, or 10 ms to one week. Default 1000; 0 = rely on notifications, but for one look a minute. */
  readonly monitorIntervalMs?: number | undefined;
  /** How often the WAL is folded into the database when it is small: 0, or 10 ms to one week. Default 60,000; 0 = only by size. */
  readonly checkpointIntervalMs?: number | undefined;
  /** WAL pages above which it is folded as soon as possible, 1 to 2^31 - 1. Default 1000. */
  readonly minCheckpointPages?: number | undefined;
  /** WAL size above which writers may be held for a moment to fold it, 1 MiB to 2^40. Default 64 MiB. */
  readonly maxWalBytes?: number | undefined;
  /** Whether writers may be held at all: only above `maxWalBytes`, or never (then the WAL has no bound). Default `"emergency"`. */
  readonly checkpointBarrier?: "emergency" | "never" | undefined;
  /** Staged files that wait for the destination, 1 MiB to 2^50; above it cutting pauses. Default 1 GiB. */
  readonly maxStagedBytes?: number | undefined;
  /**
   * Bytes of staged files that stay beside the database after the destination has them, so that a `Store` merges these and asks the destination for
   * nothing: 0 to 2^50. They go as soon as level 1 holds them, after three to six of its intervals in any case, and before a disk is full. Default 64 MiB.
   */
  readonly maxLocalCopyBytes?: number | undefined;
  /**
   * How long a database of at most 64 MiB has to be idle, with everything at the destination, before it is let go of: it then holds no
   * descriptor, lock or timer until something happens to its files. When more than 16 databases are awake in a process, or the last rest was longer than that, this comes earlier: 0, or 10 ms to one week. Default 60,000; 0 = never.
   */
  readonly restAfterMs?: number | undefined;
  /**
   * What to do when the destination is ahead of a local position: stop with `LS_DESTINATION_AHEAD`, or go on above it. Default `"error"`.
   */
  readonly onDestinationAhead?: "error" | "continue" | undefined;
  /** Receives every event. What it throws is logged and ignored. Default: nobody, or the Store's. */
  readonly onEvent?: ((event: DBEvent) => void) | undefined;
  /** Gets what happens as text. Default: silent. */
  readonly logger?: Logger | undefined;
  /** Where the worker's file is, for bundled applications. Default: beside this package's own files. */
  readonly workerURL?: string | URL | undefined;
  /** Longest flush during `close()`: 0, or 10 ms to one week. Default 30,000; 0 = release without flushing. */
  readonly shutdownTimeoutMs?: number | undefined;
}

/** {@link DBOptions}, checked and complete. */
export interface ResolvedDBOptions {
  readonly settings: EngineSettings;
  readonly replica: Replica;
  /** The replica's client, as replication calls it. */
  readonly client: ReplicaClient;
  readonly driver: SQLiteConstructor | undefined;
  readonly host: "worker" | "inline";
  readonly workerURL: URL | undefined;
  readonly onDestinationAhead: "error" | "continue";
  readonly onEvent: ((event: DBEvent) => void) | undefined;
  readonly logger: Logger;
  readonly shutdownTimeoutMs: number;
  readonly observer: DestinationObserver | undefined;
}

const MIB = 1024 * 1024;
const KNOWN: readonly (keyof DBOptions)[] = [
  "replica",
  "driver",
  "host",
  "metaPath",
  "monitorIntervalMs",
  "checkpointIntervalMs",
  "minCheckpointPages",
  "maxWalBytes",
  "checkpointBarrier",
  "maxStagedBytes",
  "maxLocalCopyBytes",
  "restAfterMs",
  "onDestinationAhead",
  "onEvent",
  "logger",
  "workerURL",
  "shutdownTimeoutMs",
];

/** @throws LSError `LS_INVALID_OPTION` */
export function resolveDBOptions(path: string, options: DBOptions): ResolvedDBOptions {
  if (typeof options !== "object" || options === null) throw invalid("replica", "DB: the second argument must be an object with a replica");
  rejectUnknownOptions("DB", options, KNOWN);
  const { replica, metaPath, onEvent, logger } = options;
  if (REPLICA_BRAND.read(replica) === undefined) throw invalid("replica", "DB: replica must be a Replica, as in new Replica(fromURL(url))");
  const driver = checkDriverOption(options.driver);
  if (metaPath !== undefined && (typeof metaPath !== "string" || metaPath === "")) throw invalid("metaPath", "DB: metaPath must name a directory");
  if (onEvent !== undefined && typeof onEvent !== "function") throw invalid("onEvent", "DB: onEvent must be a function");
  const database = databasePath(path);
  return {
    settings: {
      path: database,
      metaPath: metaPath === undefined ? defaultMetaPath(database) : resolve(metaPath),
      syncIntervalMs: replica.syncIntervalMs,
      monitorIntervalMs: checkIntervalMs("monitorIntervalMs", options.monitorIntervalMs, 1000),
      checkpointIntervalMs: checkIntervalMs("checkpointIntervalMs", options.checkpointIntervalMs, 60_000),
      minCheckpointPages: checkInteger("minCheckpointPages", options.minCheckpointPages, 1000, 1, 2 ** 31 - 1),
      maxWalBytes: checkInteger("maxWalBytes", options.maxWalBytes, 64 * MIB, MIB, 2 ** 40),
      checkpointBarrier: checkChoice("checkpointBarrier", options.checkpointBarrier, "emergency", ["emergency", "never"]),
      maxStagedBytes: checkInteger("maxStagedBytes", options.maxStagedBytes, 1024 * MIB, MIB, 2 ** 50),
      restAfterMs: checkIntervalMs("restAfterMs", options.restAfterMs, 60_000),
      localCopyMs: 0,
      maxLocalCopyBytes: checkInteger("maxLocalCopyBytes", options.maxLocalCopyBytes, 64 * MIB, 0, 2 ** 50),
    },
    replica,
    client: replica.client,
    driver,
    host: checkChoice("host", options.host, "worker", ["worker", "inline"]),
    workerURL: workerURLOf(options.workerURL),
    onDestinationAhead: checkChoice("onDestinationAhead", options.onDestinationAhead, "error", ["error", "continue"]),
    onEvent,
    logger: checkLogger("DB", logger),
    shutdownTimeoutMs: checkIntervalMs("shutdownTimeoutMs", options.shutdownTimeoutMs, 30_000),
    observer: undefined,
  };
}

function workerURLOf(given: string | URL | undefined): URL | undefined {
  if (given === undefined || given instanceof URL) return given;
  try {
    return new URL(given);
  } catch (error) {
    throw invalid("workerURL", "DB: workerURL must be a URL, such as new URL('./worker.js', import.meta.url)", error);
  }
}

function invalid(option: string, message: string, cause?: unknown): LSError {
  return new LSError("LS_INVALID_OPTION", message, { cause, details: { option } });
}
