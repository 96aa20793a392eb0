import type { DBPhase } from "../db/events.js";

/** What can fail and be counted. */
export type FailingWork = "open" | "attach" | "upload" | "merge" | "snapshot" | "retention" | "verify";

/** Calls to a destination. */
export type Operation = "INIT" | "LIST" | "GET" | "PUT" | "DELETE";

/** Counted since the `DB` was constructed; `close()` and `open()` do not set it back. Numbers only grow. */
export interface DBCounters {
  /** Files cut, and their bytes. */
  readonly cuts: number;
  readonly cutBytes: number;
  /** Cuts that became durable at the destination, and their bytes. */
  readonly uploads: number;
  readonly uploadBytes: number;
  /** Failures by what failed. */
  readonly errors: Readonly<Record<FailingWork, number>>;
  /** Failures of {@link DBCounters.errors} after which the same was, or will be, tried again by itself. */
  readonly retries: number;
  /** Times the whole WAL was folded into the database by replication. */
  readonly checkpoints: number;
  /** Times writers were held for it, and for how many ms in all. */
  readonly barriers: number;
  readonly barrierMs: number;
  /** Times cutting was paused, because of too many staged files or a full disk. */
  readonly pauses: number;
  /** Times capture lost continuity while running: repaired at once, or attached anew. */
  readonly discontinuities: number;
  /** Files that retention deleted, and their bytes. Only in a Store. */
  readonly retentionFiles: number;
  readonly retentionBytes: number;
  /** Files at the destination that turned out to be damaged. Only in a Store. */
  readonly damagedFiles: number;
}

/** Files by level: 0 holds cuts, 1 to 8 what was compacted, 9 snapshots. */
export interface LevelMetrics {
  readonly level: number;
  readonly files: number;
  readonly bytes: number;
}

export interface OperationMetrics {
  readonly operation: Operation;
  /** Calls; a service may need several requests for one, such as pages of a listing. */
  readonly calls: number;
  /** Bytes of files read or written. */
  readonly bytes: number;
  /** Failed calls by error code. Calls that were cancelled have not failed. */
  readonly errors: Readonly<Record<string, number>>;
}

/** One database in plain numbers, as of now; no I/O, never a secret. */
export interface DBMetrics {
  /** The database's path. */
  readonly db: string;
  /** The backend's name, such as `"s3"`. */
  readonly replicaType: string;
  readonly phase: DBPhase;
  /** When the phase began, ms since the epoch. */
  readonly phaseSinceMs: number;
  /** Newest TXID on the local disk; 0 = none. */
  readonly localTXID: number;
  /** Newest TXID known to be durable at the destination; 0 = none, or not known yet. */
  readonly remoteTXID: number;
  /** Age of the oldest commit that is not durable, ms; 0 = none is. `undefined` while that cannot be known. */
  readonly lagMs: number | undefined;
  readonly walBytes: number;
  readonly stagedFiles: number;
  readonly stagedBytes: number;
  readonly isDiskFull: boolean;
  readonly counters: DBCounters;
  /** Files stored since the `DB` was constructed, by level: of level 1 to 8 they are compactions, of level 9 snapshots. */
  readonly stored: readonly LevelMetrics[];
  readonly operations: readonly OperationMetrics[];
  /** What lies at the destination; empty outside of a Store, and while it has not been listed. */
  readonly levels: readonly LevelMetrics[];
}

/** A Store in plain numbers. A database that is taken out is in it no longer. */
export interface StoreMetrics {
  readonly databases: readonly DBMetrics[];
  /** Heartbeats that got through, and that did not; `undefined` without a `heartbeatURL`. */
  readonly heartbeat?: { readonly sent: number; readonly errors: number } | undefined;
}
