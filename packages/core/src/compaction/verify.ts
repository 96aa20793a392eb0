import { LTX_HEADER_SIZE, LTX_TRAILER_SIZE, type TXID } from "@ls/ltx";
import { ALL_LEVELS, L0_LEVEL, SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo } from "../replica-client.js";
import { planRestore, type TXIDRange } from "../restore/plan.js";
import { compareFiles } from "./file-list.js";

/** Something about a destination's files that is not as it should be. */
export type LevelIssue =
  /** The listing is not ordered by (minTXID, maxTXID). */
  | { readonly type: "unsorted"; readonly file: LTXFileInfo; readonly previous: LTXFileInfo }
  | { readonly type: "duplicate"; readonly file: LTXFileInfo }
  /** Nothing of this level, and no snapshot, holds these TXIDs. */
  | { readonly type: "gap"; readonly file: LTXFileInfo; readonly previous: LTXFileInfo; readonly missing: TXIDRange }
  /** Two files of one level hold the same TXIDs. Harmless to a restore. */
  | { readonly type: "overlap"; readonly file: LTXFileInfo; readonly previous: LTXFileInfo }
  /** The name's TXIDs cannot be those of a file of this level. */
  | { readonly type: "bad-range"; readonly file: LTXFileInfo }
  /** Too small to be an LTX file. */
  | { readonly type: "bad-size"; readonly file: LTXFileInfo }
  /** The newest state cannot be restored: `missing` is in no usable file. */
  | { readonly type: "not-restorable"; readonly txid: TXID; readonly missing: TXIDRange | undefined };

/**
 * Checks what a listing can tell. Gaps that a snapshot holds are none: a level starts again above a snapshot where files below it were lost.
 * @param files every level's files, each level in the order in which it was listed.
 * @param known newest TXID that the destination held before; an empty listing says of itself that nothing is missing.
 */
export function verifyLevels(files: readonly LTXFileInfo[], known: TXID = 0n): readonly LevelIssue[] {
  const heldUntil = highest(files.filter((file) => file.level === SNAPSHOT_LEVEL));
  const issues: LevelIssue[] = [];
  for (const level of ALL_LEVELS) {
    const listed = files.filter((file) => file.level === level);
    for (const file of listed) issues.push(...fileIssues(file));
    issues.push(...orderIssues(listed));
    // Snapshots all start at 1: they overlap by nature.
    if (level !== SNAPSHOT_LEVEL) issues.push(...continuityIssues(listed, heldUntil));
  }
  return [...issues, ...restoreIssues(files, known)];
}

function* fileIssues(file: LTXFileInfo): Generator<LevelIssue, void, undefined> {
  const { level, minTXID, maxTXID, size } = file;
  const fits = minTXID >= 1n && minTXID <= maxTXID && (level !== L0_LEVEL || minTXID === maxTXID) && (level !== SNAPSHOT_LEVEL || minTXID === 1n);
  if (!fits) yield { type: "bad-range", file };
  if (size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE) yield { type: "bad-size", file };
}

function* orderIssues(listed: readonly LTXFileInfo[]): Generator<LevelIssue, void, undefined> {
  for (const [i, file] of listed.entries()) {
    const previous = listed[i - 1];
    if (previous === undefined) continue;
    if (compareFiles(previous, file) > 0) yield { type: "unsorted", file, previous };
  }
}

function* continuityIssues(listed: readonly LTXFileInfo[], heldUntil: TXID): Generator<LevelIssue, void, undefined> {
  let previous: LTXFileInfo | undefined;
  for (const file of [...listed].sort(compareFiles)) {
    if (previous !== undefined) {
      if (compareFiles(previous, file) === 0) yield { type: "duplicate", file };
      else if (file.minTXID <= previous.maxTXID) yield { type: "overlap", file, previous };
      else if (file.minTXID > previous.maxTXID + 1n && file.minTXID - 1n > heldUntil) {
        yield { type: "gap", file, previous, missing: { minTXID: previous.maxTXID + 1n, maxTXID: file.minTXID - 1n } };
      }
    }
    if (previous === undefined || file.maxTXID > previous.maxTXID) previous = file;
  }
}

function* restoreIssues(files: readonly LTXFileInfo[], known: TXID): Generator<LevelIssue, void, undefined> {
  const txid = files.length === 0 ? known : highest(files);
  if (txid === 0n) return;
  const result = planRestore(files, { kind: "txid", txid });
  if (!("plan" in result)) yield { type: "not-restorable", txid, missing: result.failure.missing };
}

function highest(files: readonly LTXFileInfo[]): TXID {
  let max = 0n;
  for (const { maxTXID } of files) if (maxTXID > max) max = maxTXID;
  return max;
}
