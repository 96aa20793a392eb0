import type { LTXFileInfo } from "../../replica-client.js";

/** Snapshots made from the database itself. */
export interface SnapshotImage {
  /** Size of the database; undefined while it cannot be read. */
  databaseBytes(): number | undefined;
  /** Stores one at the destination. */
  take(signal: AbortSignal): Promise<LTXFileInfo>;
}
