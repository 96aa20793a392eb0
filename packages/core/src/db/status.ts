import type { TXID } from "@ls/ltx";
import type { DBPhase, ErrorReport } from "./events.js";
import type { NotReadyReason } from "./protocol.js";

/** What `status()` tells: a snapshot of what is known, without I/O. */
export interface DBStatus {
  readonly phase: DBPhase;
  /** When the phase began. */
  readonly since: Date;
  /** Why the database is waited for, in phase `"waiting"`. */
  readonly reason?: NotReadyReason | undefined;
  /** The failure that is being repeated, or that ended replication. */
  readonly lastError?: (ErrorReport & { readonly at: Date }) | undefined;
  /** When what failed is tried again. */
  readonly nextRetryAt?: Date | undefined;
  /** Why cutting is paused, in phase `"paused"`. */
  readonly pausedBy?: "staged-full" | "disk-full" | undefined;
  /** Age in ms of the oldest commit known not to be durable at the destination; 0 = none is. `undefined` while that cannot be known. */
  readonly lagMs: number | undefined;
  /** Newest TXID on the local disk; 0n = none. */
  readonly localTXID: TXID;
  /** Newest TXID known to be durable at the destination; 0n = none, or not known yet. */
  readonly remoteTXID: TXID;
  /** Size of the WAL at the last look, bytes. */
  readonly walBytes: number;
  /** Staged files that the destination lacks. */
  readonly stagedFiles: number;
  readonly stagedBytes: number;
  /** The destination as its client names it. */
  readonly destination?: string | undefined;
}

/** Whether the destination holds everything. */
export interface SyncStatus {
  /** Newest TXID on the local disk; 0n = none. */
  readonly localTXID: TXID;
  /** Newest TXID known to be durable at the destination; 0n = none, or not known yet. */
  readonly remoteTXID: TXID;
  /** True only when no commit, cut or not, is missing at the destination. */
  readonly inSync: boolean;
}

/** Where bringing the local state and the destination together stands. */
export type Attachment =
  | { readonly kind: "none" }
  | { readonly kind: "waiting"; readonly reason: NotReadyReason }
  | { readonly kind: "attaching" }
  | { readonly kind: "retrying"; readonly error: unknown; readonly failures: number; readonly nextRetryMs: number }
  | { readonly kind: "attached" }
  | { readonly kind: "failed"; readonly error: Error };

export interface PhaseFacts {
  readonly lifecycle: "opening" | "open" | "closing" | "closed";
  readonly attachment: Attachment;
  readonly uploadFails: boolean;
  readonly paused: boolean;
  readonly resting: boolean;
}

export function phaseOf({ lifecycle, attachment, uploadFails, paused, resting }: PhaseFacts): DBPhase {
  if (lifecycle === "closed" || lifecycle === "closing") return lifecycle;
  switch (attachment.kind) {
    case "failed":
      return "failed";
    case "waiting":
      return "waiting";
    case "none":
      return lifecycle === "opening" ? "opening" : "attaching";
    case "retrying":
      return "retrying";
    case "attaching":
      return uploadFails ? "retrying" : "attaching";
    case "attached":
      if (uploadFails) return "retrying";
      if (paused) return "paused";
      return resting ? "resting" : "replicating";
  }
}

/** Status of a database that is not open. */
export function closedStatus(destination: string | undefined, sinceMs: number): DBStatus {
  return {
    phase: "closed",
    since: new Date(sinceMs),
    lagMs: undefined,
    localTXID: 0n,
    remoteTXID: 0n,
    walBytes: 0,
    stagedFiles: 0,
    stagedBytes: 0,
    destination,
  };
}
