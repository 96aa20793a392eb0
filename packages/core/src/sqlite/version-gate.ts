/** What the engine may do with one version of SQLite. */
export interface VersionGate {
  /** The engine may checkpoint. False below the fix of the WAL-reset bug, whose recipe is a replicator that checkpoints beside an application that does. */
  readonly takeover: boolean;
  /** `PRAGMA wal_checkpoint(NOOP)` exists. Older versions take the unknown word for PASSIVE and really checkpoint. */
  readonly noop: boolean;
  /** Text of the `LS_SQLITE_TOO_OLD` warning, when there is one. */
  readonly warning?: string;
}

/** First fixed patch level of each branch that received the fix (sqlite.org/wal.html#walresetbug). */
const FIXED: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [3, 44, 6],
  [3, 50, 7],
];
const FIXED_SINCE: readonly [number, number, number] = [3, 51, 3];
const NOOP_SINCE: readonly [number, number, number] = [3, 51, 0];

/**
 * Decides by `sqlite_version()`. A text that is no version counts as too old.
 */
export function gateVersion(sqliteVersion: string): VersionGate {
  const parts = /^(\d+)\.(\d+)\.(\d+)/.exec(sqliteVersion);
  const version: readonly [number, number, number] = parts === null ? [0, 0, 0] : [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  const takeover = atLeast(version, FIXED_SINCE) || FIXED.some((fixed) => version[0] === fixed[0] && version[1] === fixed[1] && version[2] >= fixed[2]);
  const noop = atLeast(version, NOOP_SINCE);
  if (takeover) return { takeover, noop };
  return {
    takeover,
    noop,
    warning:
      `SQLite ${sqliteVersion} has the WAL-reset bug, which can lose committed transactions when two connections checkpoint; ` +
      "this database is replicated, but its WAL is never checkpointed from here. Fixed in 3.51.3, 3.50.7 and 3.44.6.",
  };
}

function atLeast(version: readonly [number, number, number], wanted: readonly [number, number, number]): boolean {
  for (let i = 0; i < 3; i++) {
    const difference = (version[i] ?? 0) - (wanted[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
