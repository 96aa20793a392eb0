import type { TXID } from "@ls/ltx";

/**
 * The seam between `DB` (application thread, talks to storage) and the engine (reads the database, writes staged files).
 * Every value here survives structured cloning, so the engine can live in a worker or inline without a difference.
 */

/** A staged L0 file in the meta directory, durable on disk. */
export interface StagedFile {
  readonly txid: TXID;
  /** Absolute path of the file. */
  readonly path: string;
  readonly size: number;
  /** Time in the LTX header, ms since the epoch. */
  readonly timestampMs: number;
  /** Pages in the file; absent for a file that an earlier run left. */
  readonly pageCount?: number | undefined;
  /** When the oldest commit in this file was first seen, ms since the epoch; lag is measured from it. */
  readonly oldestCommitMs: number;
}

/** Why there is nothing to replicate yet. */
export type NotReadyReason = "absent" | "empty" | "not-wal" | "locked-exclusive" | "unsupported";

/** Where the local side stands. */
export interface LocalPosition {
  /** Highest TXID known locally: the newest staged file's, or the page table's; 0n = none. */
  readonly txid: TXID;
  /** The newest staged file cannot be used and should be fetched from the destination; its TXID. */
  readonly damagedTXID?: TXID | undefined;
}

export interface EngineOpened {
  readonly position: LocalPosition;
  /** Staged files that the destination has not acknowledged, oldest first. */
  readonly staged: readonly StagedFile[];
  /** Set while the database cannot be replicated yet. */
  readonly notReady?: NotReadyReason | undefined;
}

/** One 8-byte hash per page of a database state, index 0 = page 1; the lock page's entry is 0. */
export interface PageHashes {
  readonly txid: TXID;
  readonly pageSize: number;
  /** Database size in pages. */
  readonly commit: number;
  readonly hashes: BigUint64Array;
}

/** How the engine went on from what was there. */
export type ContinuedBy =
  /** The WAL proves that nothing was missed. */
  | "wal"
  /** The page table (or the destination's state) was compared with the database; only differing pages were cut. */
  | "diff"
  /** A full image was cut: the first one, or because a diff was impossible or dearer. */
  | "image";

export type AttachOutcome =
  | {
      readonly kind: "attached";
      readonly by: ContinuedBy;
      readonly reason: string;
      readonly txid: TXID;
      readonly differingPages?: number;
      readonly pageCount?: number;
    }
  /** The engine needs the hashes of the destination's newest state (or `null` for an image) in a second `attach`. */
  | { readonly kind: "base-required"; readonly reason: string }
  | { readonly kind: "not-ready"; readonly reason: NotReadyReason };

export interface AttachRequest {
  /** Highest TXID over all levels of the destination; 0n = empty. */
  readonly remoteTXID: TXID;
  /** Time of that TXID, ms; header times never run backwards. 0 when empty. */
  readonly remoteTimestampMs: number;
  /** Second call only: the destination's state to diff against, or `null` to cut an image. */
  readonly base?: PageHashes | null | undefined;
}

export interface EngineRequests {
  /** Takes the lock, sweeps temp files, loads position and table. Rejects with `LS_LOCKED`, `LS_SECOND_SQLITE`, … */
  open: { params: undefined; result: EngineOpened };
  /**
   * Replaces the damaged newest staged file by the one fetched from the destination, chunk by chunk in order, with bounded memory.
   * The call with `final` verifies the whole file: `accepted` is true only then and only when the file is good; a file that
   * is not good is dropped, and `dropDamaged` is what remains.
   */
  putStaged: { params: { txid: TXID; chunk: Uint8Array; final: boolean }; result: { accepted: boolean } };
  /** Gives up on the damaged newest staged file: the position falls back one, continuity needs a base. */
  dropDamaged: { params: { txid: TXID }; result: undefined };
  /**
   * Proves continuity (or diffs, or cuts an image) and starts capturing. Staged files at or below `remoteTXID` count as
   * acknowledged. A remote position above the local one means: continue after it (the caller decided that); a staged file
   * that the destination lacks but that is gone locally means: rebase on the destination's state. Both need a base.
   */
  attach: { params: AttachRequest; result: AttachOutcome };
  /**
   * Cuts what is committed now; the TXID that holds all of it. Rejects with `LS_NOT_READY` while there is nothing attached,
   * `LS_DISK_FULL` or (retryable) `LS_STORAGE_UNAVAILABLE` while cutting is paused.
   */
  sync: { params: undefined; result: { txid: TXID } };
  /** Tries to fold the WAL into the database file and have it restart. */
  checkpoint: { params: undefined; result: { walFrames: number; checkpointedFrames: number } };
  /** Whether commits exist that no staged file holds yet; looks at the database now. While it is not attached, `dirty` means that some may. */
  probe: { params: undefined; result: { txid: TXID; dirty: boolean; notReady?: NotReadyReason | undefined } };
  /** The destination holds this file: it may be deleted locally when nothing else needs it, nor a merge wants it. */
  acknowledge: { params: { txid: TXID }; result: undefined };
  /** Level 1 of the destination holds everything up to this TXID: no merge reads the local copies any more. */
  merged: { params: { txid: TXID }; result: undefined };
  /**
   * Begins to make a file of the whole database: cuts what is committed now, and holds exactly that state until the file is read or given up.
   * One at a time. Rejects as `sync` does.
   */
  snapshotOpen: { params: undefined; result: { txid: TXID } };
  /**
   * The next bytes of the LTX file 1…`txid`, the caller's own; `undefined` = it has ended. Rejects with a retryable `LS_NOT_READY` when the state is
   * held no longer: after `snapshotClose`, when capture has ended, or when nothing was read for minutes. What was read is of no use then.
   */
  snapshotRead: { params: undefined; result: { chunk: Uint8Array<ArrayBuffer> | undefined } };
  /** Lets the state go. Idempotent. */
  snapshotClose: { params: undefined; result: undefined };
  /**
   * Last cut (unless `discard`), page table, then every handle is released, also when the cut fails (it rejects after that).
   * Idempotent; `discard: true` while a close is running makes that one give up its cut.
   */
  close: { params: { discard: boolean }; result: { txid: TXID } };
}

export type EngineOp = keyof EngineRequests;
/** What may be told without waiting for an answer: it happens with every cut, and each answer would wake the other thread. */
export type Told = "acknowledge" | "merged";

/** What the engine tells without being asked. */
export type EngineEvent =
  | { readonly type: "staged"; readonly file: StagedFile }
  /** Commits were seen that no staged file holds yet; `sinceMs` = when the oldest was first seen. */
  | { readonly type: "dirty"; readonly sinceMs: number }
  /** The database can be replicated now: call `attach` (also after a `not-ready` while running). */
  | { readonly type: "ready" }
  /** The database cannot be replicated (any more); the engine looks again by itself until it is `ready`. */
  | { readonly type: "not-ready"; readonly reason: NotReadyReason }
  /** Continuity was lost while running, and repaired without help: the differing pages (or an image) were cut. */
  | {
      readonly type: "continued";
      readonly by: ContinuedBy;
      readonly reason: string;
      readonly txid: TXID;
      readonly differingPages?: number;
      readonly pageCount?: number;
    }
  /** Continuity was lost while running, and the local page table cannot repair it; a new `attach` is needed. */
  | { readonly type: "detached"; readonly reason: string }
  /** The database is idle and was let go of; nothing of it is missing at the destination. */
  | { readonly type: "resting" }
  /** It was taken up again. A `dirty` follows when commits were seen. */
  | { readonly type: "awake" }
  | { readonly type: "paused"; readonly reason: "staged-full" | "disk-full"; readonly stagedBytes: number }
  | { readonly type: "resumed" }
  | { readonly type: "barrier"; readonly heldMs: number; readonly walBytes: number; readonly completed: boolean }
  | { readonly type: "reader-blocks-checkpoint"; readonly walBytes: number }
  | { readonly type: "checkpointed"; readonly walBytes: number }
  | { readonly type: "wal"; readonly bytes: number }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  /** What it was told failed. */
  | { readonly type: "told-failed"; readonly code: string; readonly message: string }
  /** The engine has stopped: `code` is an `LSErrorCode`. */
  | { readonly type: "failed"; readonly code: string; readonly message: string };

/** Settings of one engine; every value is checked by `DB` already. */
export interface EngineSettings {
  readonly path: string;
  readonly metaPath: string;
  readonly syncIntervalMs: number;
  readonly monitorIntervalMs: number;
  readonly checkpointIntervalMs: number;
  readonly minCheckpointPages: number;
  readonly maxWalBytes: number;
  readonly checkpointBarrier: "emergency" | "never";
  readonly maxStagedBytes: number;
  /** 0 = never. */
  readonly restAfterMs: number;
  /** How long acknowledged files wait for the merge into level 1 at least; 0 = nothing merges them. */
  readonly localCopyMs: number;
  readonly maxLocalCopyBytes: number;
}

/** One engine as `DB` sees it, whichever thread it runs on. */
export interface EngineHost {
  request<Op extends EngineOp>(
    op: Op,
    params: EngineRequests[Op]["params"],
    options?: { signal?: AbortSignal | undefined },
  ): Promise<EngineRequests[Op]["result"]>;
  /** As `request`, in its order with the others, without an answer; a failure comes as `told-failed`. */
  tell<Op extends Told>(op: Op, params: EngineRequests[Op]["params"]): void;
  /** Ends the host itself; after `close` was answered, or to abandon an engine that no longer answers. */
  dispose(): Promise<void>;
}
