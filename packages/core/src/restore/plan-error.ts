import { formatTXID, type TXID } from "@ls/ltx";
import { LSError, type LSErrorCode } from "../errors.js";
import type { LTXFileRef } from "../replica-client.js";
import type { PlanFailure, RestorePoint, RestoreTarget } from "./plan.js";

/** A file that cannot be used, and why. */
export interface DamagedFile extends LTXFileRef {
  readonly reason: string;
}

export interface DamageReport {
  /** Files left out. */
  readonly files: readonly DamagedFile[];
  /** Whether the plan would exist with them. */
  readonly isCause: boolean;
  /** What the last of them failed with. */
  readonly error?: unknown;
}

/**
 * The error for a plan that does not exist. Its `details` hold what is available: `requested`, `reason`, `earliest`, `latest`, `before`, `after`
 * (each a {@link RestorePoint} or undefined), `missing` for a gap, and `damaged`, the files that had to be left out.
 */
export function planError(failure: PlanFailure, target: RestoreTarget, damage: DamageReport): LSError {
  const { available, missing } = failure;
  const damaged = damage.files;
  const details = { requested: target, reason: failure.reason, ...available, missing, damaged };
  const [code, what] = damage.isCause
    ? (["LS_LTX_CORRUPTED", `${targetLabel(target)} cannot be restored without damaged files`] as const)
    : describe(failure, target);
  const parts = [what];
  if (damaged.length > 0) parts.push(`unusable: ${damaged.map((file) => `${fileLabel(file)} (${file.reason})`).join(", ")}`);
  const near = [point("nearest before", available.before), point("nearest after", available.after)].filter((text) => text !== "");
  if (near.length > 0) parts.push(near.join(", "));
  return new LSError(code, parts.join("; "), { details, cause: damage.isCause ? damage.error : undefined });
}

/** A file as people know it: level and name. */
export function fileLabel(file: LTXFileRef): string {
  return `level ${file.level} ${formatTXID(file.minTXID)}-${formatTXID(file.maxTXID)}`;
}

function describe(failure: PlanFailure, target: RestoreTarget): [LSErrorCode, string] {
  const wanted = targetLabel(target);
  switch (failure.reason) {
    case "empty":
      return ["LS_NO_SNAPSHOTS", "the destination holds no LTX files"];
    case "no-start":
      return ["LS_NO_SNAPSHOTS", "the destination holds LTX files, but none that starts at TXID 1, so there is nothing to build on"];
    case "not-available":
      return ["LS_TX_NOT_AVAILABLE", target.kind === "txid" ? `no file ends at ${wanted}` : `nothing is as old as ${wanted}`];
    case "gap":
      return [target.kind === "txid" ? "LS_TX_NOT_AVAILABLE" : "LS_LTX_MISSING", `${wanted} cannot be restored: ${missingLabel(failure.missing)} missing`];
  }
}

function targetLabel(target: RestoreTarget): string {
  switch (target.kind) {
    case "latest":
      return "the newest state";
    case "txid":
      return `TXID ${txidLabel(target.txid)}`;
    case "timestamp":
      return `the state at ${new Date(target.timestampMs).toISOString()}`;
  }
}

function missingLabel(missing: PlanFailure["missing"]): string {
  if (missing === undefined) return "files are";
  if (missing.minTXID === missing.maxTXID) return `TXID ${txidLabel(missing.minTXID)} is`;
  return `TXIDs ${txidLabel(missing.minTXID)} to ${txidLabel(missing.maxTXID)} are`;
}

function point(label: string, at: RestorePoint | undefined): string {
  return at === undefined ? "" : `${label}: TXID ${txidLabel(at.txid)} of ${at.timestamp.toISOString()}`;
}

function txidLabel(txid: TXID): string {
  return formatTXID(txid);
}
