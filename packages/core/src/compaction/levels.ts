import { LSError } from "../errors.js";
import { L0_LEVEL, SNAPSHOT_LEVEL } from "../levels.js";
import { checkIntervalMs, rejectUnknownOptions } from "../options.js";

/** One compaction level: how often the files of the level below are merged into it. */
export interface CompactionLevel {
  /** Number of the level, 0 to 8. Level 0 holds the raw files; it may be listed, and has no interval. */
  readonly level: number;
  /** Length of the level's windows, 10 ms to one week; a window's files are merged when it has ended. Default: none, which only level 0 may have. */
  readonly intervalMs?: number | undefined;
}

/** Level 1 every 30 s, level 2 every 5 min, level 3 every hour: upstream's defaults. */
export const DEFAULT_COMPACTION_LEVELS: readonly CompactionLevel[] = [
  { level: 0 },
  { level: 1, intervalMs: 30_000 },
  { level: 2, intervalMs: 5 * 60_000 },
  { level: 3, intervalMs: 60 * 60_000 },
];

/** A level above 0, checked. */
export interface MergedLevel {
  readonly level: number;
  readonly intervalMs: number;
}

/**
 * Checks levels as upstream does: numbered without a gap from 0 (or from 1, level 0 being always there), at most 8, each above 0 with an interval.
 * @returns those above 0, lowest first; empty = nothing is compacted.
 * @throws LSError `LS_INVALID_OPTION`
 */
export function checkCompactionLevels(levels: readonly CompactionLevel[] = DEFAULT_COMPACTION_LEVELS): readonly MergedLevel[] {
  if (!Array.isArray(levels)) throw invalid("levels must be an array, such as [{ level: 1, intervalMs: 30_000 }]");
  const merged: MergedLevel[] = [];
  for (const [index, entry] of levels.entries()) {
    if (typeof entry !== "object" || entry === null) throw invalid(`levels[${index}] must be an object with level and intervalMs`);
    rejectUnknownOptions(`levels[${index}]`, entry, ["level", "intervalMs"]);
    const { level, intervalMs } = entry;
    if (index === 0 && level === L0_LEVEL) {
      if (intervalMs !== undefined && intervalMs !== 0) throw invalid("level 0 holds the files as they are cut: it has no interval");
      continue;
    }
    const expected = merged.length + 1;
    if (level !== expected) throw invalid(`levels must be numbered without a gap: level ${String(level)} stands where level ${expected} belongs`);
    if (level >= SNAPSHOT_LEVEL) throw invalid(`level ${level} is too high: levels are 0 to ${SNAPSHOT_LEVEL - 1}, and ${SNAPSHOT_LEVEL} holds the snapshots`);
    const interval = checkIntervalMs(`intervalMs of level ${level}`, intervalMs, 0);
    if (interval === 0) throw invalid(`level ${level} needs an intervalMs`);
    merged.push({ level, intervalMs: interval });
  }
  return merged;
}

function invalid(message: string): LSError {
  return new LSError("LS_INVALID_OPTION", message, { details: { option: "levels" } });
}
