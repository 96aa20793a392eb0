import type { KeepingSettings } from "../compaction/agenda.js";
import { type CompactionLevel, checkCompactionLevels } from "../compaction/levels.js";
import { LSError } from "../errors.js";
import type { Logger } from "../logger.js";
import { checkDurationMs, checkInteger, checkIntervalMs, checkLogger, rejectUnknownOptions } from "../options.js";
import type { StoreEvent } from "./events.js";
import { type HeartbeatURL, heartbeatURLOf } from "./heartbeat-url.js";

/** Options of a `Store`. Times are in milliseconds. */
export interface StoreOptions {
  /** Levels that files are merged into: level 1 from two files on, the others from four. Default: level 1 every 30 s, 2 every 5 min, 3 every hour. `[{ level: 0 }]` = nothing is compacted. */
  readonly levels?: readonly CompactionLevel[] | undefined;
  /** How old the newest snapshot may get before the next one, if anything changed: 0, or 10 ms to ten years. Default 24 h; 0 = no snapshots. */
  readonly snapshotIntervalMs?: number | undefined;
  /**
   * How long snapshots, and with them the points in time above them, are kept: 0, or 10 ms to ten years. Default 24 h; 0 = for ever. The newest
   * snapshot is never deleted.
   */
  readonly snapshotRetentionMs?: number | undefined;
  /** How long level-0 files are kept once level 1 holds them: 0, or 10 ms to ten years. Default 5 min; 0 = for ever. */
  readonly l0RetentionMs?: number | undefined;
  /**
   * How often the levels of each destination are listed and verified: 0, or 10 ms to ten years. Default 0 = only by `verify()`. What somebody else deletes
   * is noticed by that alone; where the newest state cannot be restored any more, a new snapshot is taken. Where a lifecycle rule of the service
   * deletes by age, it belongs well below that age: of an idle database nothing new is stored.
   */
  readonly verifyIntervalMs?: number | undefined;
  /** Merges and deletions at a time over all databases, 1 to 64; each takes up to 40 MiB. Default 2. */
  readonly parallelism?: number | undefined;
  /**
   * A URL that is asked for (GET) at regular intervals while every database is healthy: everything that is older than the interval is at its
   * destination. For services that raise an alarm when they hear nothing. `http://` or `https://`; it is never logged. Default: none.
   */
  readonly heartbeatURL?: string | URL | undefined;
  /** From one heartbeat to the next: 0, or 10 ms to one week. Default 5 min; 0 = none. */
  readonly heartbeatIntervalMs?: number | undefined;
  /** Longest flush during `close()`: 0, or 10 ms to one week. Default 30,000; 0 = release without flushing. Also for databases that set none of their own. */
  readonly shutdownTimeoutMs?: number | undefined;
  /** Receives the events of keeping, and of the databases that have no observer of their own. What it throws is logged and ignored. Default: nobody. */
  readonly onEvent?: ((event: StoreEvent) => void) | undefined;
  /** Gets what happens as text. Default: silent. Also for databases that have none of their own. */
  readonly logger?: Logger | undefined;
}

/** {@link StoreOptions}, checked and complete. */
export interface ResolvedStoreOptions {
  readonly settings: KeepingSettings;
  readonly verifyIntervalMs: number;
  readonly parallelism: number;
  /** `undefined` = no heartbeat. */
  readonly heartbeat: { readonly url: HeartbeatURL; readonly intervalMs: number } | undefined;
  readonly shutdownTimeoutMs: number;
  readonly onEvent: ((event: StoreEvent) => void) | undefined;
  readonly logger: Logger;
}

const HOUR_MS = 3_600_000;
const KNOWN: readonly (keyof StoreOptions)[] = [
  "levels",
  "snapshotIntervalMs",
  "snapshotRetentionMs",
  "l0RetentionMs",
  "verifyIntervalMs",
  "parallelism",
  "heartbeatURL",
  "heartbeatIntervalMs",
  "shutdownTimeoutMs",
  "onEvent",
  "logger",
];

/** @throws LSError `LS_INVALID_OPTION` */
export function resolveStoreOptions(options: StoreOptions): ResolvedStoreOptions {
  if (typeof options !== "object" || options === null) throw new LSError("LS_INVALID_OPTION", "Store: the second argument must be an object");
  rejectUnknownOptions("Store", options, KNOWN);
  const { onEvent } = options;
  if (onEvent !== undefined && typeof onEvent !== "function") {
    throw new LSError("LS_INVALID_OPTION", "Store: onEvent must be a function", { details: { option: "onEvent" } });
  }
  return {
    settings: {
      levels: checkCompactionLevels(options.levels),
      snapshotIntervalMs: checkDurationMs("snapshotIntervalMs", options.snapshotIntervalMs, 24 * HOUR_MS),
      snapshotRetentionMs: checkDurationMs("snapshotRetentionMs", options.snapshotRetentionMs, 24 * HOUR_MS),
      l0RetentionMs: checkDurationMs("l0RetentionMs", options.l0RetentionMs, HOUR_MS / 12),
    },
    verifyIntervalMs: checkDurationMs("verifyIntervalMs", options.verifyIntervalMs, 0),
    parallelism: checkInteger("parallelism", options.parallelism, 2, 1, 64),
    heartbeat: heartbeatOf(options),
    shutdownTimeoutMs: checkIntervalMs("shutdownTimeoutMs", options.shutdownTimeoutMs, 30_000),
    onEvent,
    logger: checkLogger("Store", options.logger),
  };
}

function heartbeatOf({ heartbeatURL, heartbeatIntervalMs }: StoreOptions): ResolvedStoreOptions["heartbeat"] {
  const url = heartbeatURLOf(heartbeatURL);
  const intervalMs = checkIntervalMs("heartbeatIntervalMs", heartbeatIntervalMs, HOUR_MS / 12);
  return url === undefined || intervalMs === 0 ? undefined : { url, intervalMs };
}
