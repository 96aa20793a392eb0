import type { TXID } from "@ls/ltx";
import type { LevelIssue } from "../compaction/verify.js";
import type { DBEvent, ErrorReport, Level } from "../db/events.js";

/** Work on a destination. */
export type KeepingWork = "merge" | "snapshot" | "retention" | "verify";

/** Something that happened while a destination was kept. Plain data. */
export type KeepingEventBody =
  /** Files of the level below were merged into one. */
  | {
      readonly type: "compacted";
      readonly level: number;
      readonly minTXID: TXID;
      readonly maxTXID: TXID;
      readonly sizeBytes: number;
      /** How many files went into it. */
      readonly inputs: number;
    }
  | { readonly type: "snapshot"; readonly txid: TXID; readonly sizeBytes: number }
  /** Files past their time were deleted. */
  | { readonly type: "retention"; readonly files: number; readonly bytes: number }
  /** A file turned out to be damaged. Nothing is built on it any more; told once. */
  | { readonly type: "damaged-file"; readonly level: number; readonly minTXID: TXID; readonly maxTXID: TXID; readonly reason: string }
  | { readonly type: "keeping-failed"; readonly work: KeepingWork; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date }
  /** It works again, after that many failures in a row. */
  | { readonly type: "keeping-recovered"; readonly failures: number }
  /** The destination was found to be different from what this process did there, and listed again. */
  | { readonly type: "relisted"; readonly reason: string }
  /** The destination lets nothing be deleted: it grows, and everything else works. Told once. */
  | { readonly type: "append-only" }
  /** The destination said that files were deleted, and still lists them. */
  | { readonly type: "retention-ineffective"; readonly files: number }
  /** The levels were verified; no issues = all is well. */
  | { readonly type: "verified"; readonly issues: readonly LevelIssue[] }
  /** Replication could not start; without `nextRetryAt` it is not tried again. */
  | { readonly type: "open-failed"; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date | undefined };

/** A {@link KeepingEventBody} with the database whose destination it is about, and its time. */
export type KeepingEvent = KeepingEventBody & {
  /** The database's path. */
  readonly db: string;
  readonly at: Date;
};

/** Something about the heartbeat of a Store. Plain data, and nothing of the URL. */
export type HeartbeatEventBody =
  | { readonly type: "heartbeat-failed"; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date }
  /** It gets through again, after that many failures in a row. */
  | { readonly type: "heartbeat-recovered"; readonly failures: number };

/** A {@link HeartbeatEventBody} with its time. It is about no single database. */
export type HeartbeatEvent = HeartbeatEventBody & { readonly db?: undefined; readonly at: Date };

/** Something about a watched directory. Plain data. */
export type WatchEventBody =
  /** A database was found, and is in the Store now. */
  | { readonly type: "database-found"; readonly db: string }
  /** Its file is gone; it was flushed, closed and taken out. With an error if that did not succeed. */
  | { readonly type: "database-gone"; readonly db: string; readonly error: ErrorReport | undefined }
  /** A database was found and cannot be taken in: another one has its destination, or there is none for it. */
  | { readonly type: "database-refused"; readonly db: string; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date }
  /** A directory cannot be listed; what is known of it stays as it is. Told once. */
  | { readonly type: "directory-unreadable"; readonly db?: undefined; readonly directory: string; readonly error: ErrorReport };

/** A {@link WatchEventBody} with its time. */
export type WatchEvent = WatchEventBody & { readonly at: Date };

/** Everything that a Store tells. */
export type StoreEvent = DBEvent | KeepingEvent | HeartbeatEvent | WatchEvent;

export const WATCH_EVENT_LEVELS: Readonly<Record<WatchEventBody["type"], Level>> = {
  "database-found": "info",
  "database-gone": "info",
  "database-refused": "warn",
  "directory-unreadable": "warn",
};

export const HEARTBEAT_EVENT_LEVELS: Readonly<Record<HeartbeatEventBody["type"], Level>> = {
  "heartbeat-failed": "warn",
  "heartbeat-recovered": "info",
};

export const KEEPING_EVENT_LEVELS: Readonly<Record<KeepingEventBody["type"], Level>> = {
  compacted: "debug",
  snapshot: "info",
  retention: "debug",
  "damaged-file": "error",
  "keeping-failed": "warn",
  "keeping-recovered": "info",
  relisted: "info",
  "append-only": "warn",
  "retention-ineffective": "warn",
  verified: "debug",
  "open-failed": "error",
};
