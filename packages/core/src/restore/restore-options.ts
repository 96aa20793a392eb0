import type { TXID } from "@ls/ltx";
import { LSError } from "../errors.js";
import { checkInteger } from "../options.js";
import type { CallOptions } from "../replica-client.js";
import type { RestoreTarget } from "./plan.js";
import type { DamagedFile } from "./plan-error.js";

/** How far a restore has come. */
export interface RestoreProgress {
  /** Bytes read of the files of the plan. Starts again at 0 when a file turns out to be unusable and another way is taken. */
  readonly bytes: number;
  /** Bytes of all files of the plan. */
  readonly totalBytes: number;
  /** Files in the plan. */
  readonly files: number;
  /** TXID that is being restored. */
  readonly txid: TXID;
}

/** Which state, and how. With neither `txid` nor `timestamp`: the newest. */
export interface RestoreToOptions extends CallOptions {
  /** Exactly this TXID. Default: the newest. */
  readonly txid?: TXID | undefined;
  /**
   * The newest restorable state at or before this moment. Later than the newest gives the newest; the result's `timestamp` says what was given.
   * Whether states are missing between it and this moment is checked: then it is an error. Default: the newest.
   */
  readonly timestamp?: Date | undefined;
  /**
   * Requests under way at a time, 1 to 64; each holds up to 1 MiB. Default: as many as 8 MiB hold, which are 8 of large files and up to 64 of
   * small ones (up to 128 KiB).
   */
  readonly parallelism?: number | undefined;
  /** Called while files are read. Its exceptions end the restore. Default: nobody. */
  readonly onProgress?: ((progress: RestoreProgress) => void) | undefined;
}

/** What was restored. */
export interface RestoreResult {
  readonly txid: TXID;
  /** Time of that TXID. */
  readonly timestamp: Date;
  /** Page size in bytes. */
  readonly pageSize: number;
  /** Size of the database in pages. */
  readonly pageCount: number;
  /** Size of the database in bytes. */
  readonly bytes: number;
  /** Files that could not be used and were planned around; normally empty. They deserve attention. */
  readonly damaged: readonly DamagedFile[];
}

export const RESTORE_TO_OPTIONS: readonly string[] = ["txid", "timestamp", "parallelism", "onProgress", "signal"];

/** @throws LSError `LS_INVALID_OPTION`. */
export function checkedTarget(options: RestoreToOptions): RestoreTarget {
  const { txid, timestamp } = options;
  if (txid !== undefined && timestamp !== undefined) throw invalid("txid", "txid and timestamp exclude each other");
  if (txid !== undefined) {
    if (typeof txid !== "bigint" || txid < 1n || BigInt.asUintN(64, txid) !== txid)
      throw invalid("txid", `txid must be a bigint from 1n to 2n ** 64n - 1n, not ${String(txid)}`);
    return { kind: "txid", txid };
  }
  if (timestamp === undefined) return { kind: "latest" };
  if (!(timestamp instanceof Date) || Number.isNaN(timestamp.getTime())) throw invalid("timestamp", "timestamp must be a valid Date");
  return { kind: "timestamp", timestampMs: timestamp.getTime() };
}

/** @throws LSError `LS_INVALID_OPTION`. */
export function checkedParallelism({ parallelism }: RestoreToOptions): number | undefined {
  return parallelism === undefined ? undefined : checkInteger("parallelism", parallelism, parallelism, 1, 64);
}

function invalid(option: string, message: string): LSError {
  return new LSError("LS_INVALID_OPTION", message, { details: { option } });
}
