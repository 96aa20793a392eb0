import type { TXID } from "@ls/ltx";
import type { ErrorReport } from "../db/events.js";
import type { DBStatus } from "../db/status.js";
import type { KeepingWork } from "./events.js";

/** What lies at one level of a destination. */
export interface LevelStatus {
  readonly level: number;
  readonly files: number;
  readonly bytes: number;
  /** Newest TXID; 0n = the level is empty. */
  readonly maxTXID: TXID;
}

/** How a destination is kept: without I/O, from what this process listed and did there. */
export interface KeepingStatus {
  /** Levels 0 to 9 that hold something; `undefined` while the destination has not been listed. */
  readonly levels: readonly LevelStatus[] | undefined;
  /** The newest snapshot. */
  readonly snapshot: { readonly txid: TXID; readonly createdAt: Date } | undefined;
  /** What is being done, and since when. */
  readonly doing: { readonly work: KeepingWork; readonly since: Date } | undefined;
  /** When there will be something to do; undefined while there is nothing to wait for. */
  readonly nextAt: Date | undefined;
  /** The failure that is being waited out. */
  readonly lastError: (ErrorReport & { readonly at: Date }) | undefined;
  /** Failures in a row. */
  readonly failures: number;
  /** The destination lets nothing be deleted. */
  readonly isAppendOnly: boolean;
}

export interface StoreDatabaseStatus {
  /** Absolute path of the database. */
  readonly path: string;
  readonly replication: DBStatus;
  readonly keeping: KeepingStatus;
  /** Why replication could not start. */
  readonly openError: (ErrorReport & { readonly at: Date; readonly nextRetryAt: Date | undefined }) | undefined;
}

/** Heartbeats since the Store was constructed. */
export interface HeartbeatStatus {
  /** That got through. */
  readonly sent: number;
  readonly errors: number;
  readonly lastSentAt: Date | undefined;
  /** Why the last one did not get through; `undefined` when it did. */
  readonly lastError: (ErrorReport & { readonly at: Date }) | undefined;
}

export interface StoreStatus {
  readonly phase: "closed" | "opening" | "open" | "closing";
  readonly databases: readonly StoreDatabaseStatus[];
  /** `undefined` without a `heartbeatURL`. */
  readonly heartbeat: HeartbeatStatus | undefined;
}
