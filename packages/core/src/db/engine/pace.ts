/** Time between two looks at a WAL that grows: read marks and checkpoints follow at this pace, whatever the cuts do. */
export const LOOK_MS = 50;
/** A WAL that did not grow for this long is quiet: the directory watch takes over again. */
export const QUIET_MS = 500;
/**
 * While our mark is READ0 no checkpoint gets through, but the application's own one sorts the whole WAL at each commit before it
 * finds that out, from `wal_autocheckpoint` (SQLite's default: 1000) frames on. Measured: a sixth of a writer's time at full speed.
 * So the mark moves before that, however soon it is.
 */
const READ0_FRAMES = 500;
/** Looks are never closer than this, whatever comes in. */
const CLOSEST_LOOK_MS = 2;

/** Moments are `performance.now()` milliseconds. */
export interface PaceFacts {
  readonly now: number;
  /** When the last look was. */
  readonly lastLook: number;
  /** When new frames were seen last; -Infinity = never. */
  readonly lastFrames: number;
  /** Frames that arrived per millisecond between the last two looks. */
  readonly framesPerMs: number;
  /** Frames that fit into the WAL before it passes `maxWalBytes`; none or less = it has passed. */
  readonly framesToLimit: number;
  /** At the last look everything in the WAL was in the database file: our mark is READ0, and the WAL restarts with the next commit. */
  readonly restartDue: boolean;
  /** Since when commits wait for a cut; `undefined` = none do. */
  readonly dirtySince: number | undefined;
  readonly lastCut: number;
  /** 0 = as soon as everything staged is acknowledged. */
  readonly syncIntervalMs: number;
  /** Some staged file waits for its acknowledgement. */
  readonly uploading: boolean;
  /** No cut before this moment (a failed one is being waited out). */
  readonly cutBlockedUntil: number;
  /** More waits than one cut may take: do not wait for the interval. */
  readonly backlog: boolean;
}

/** When the next look is due; `undefined` = when the watch or the slow poll says so. */
export function nextLook({ now, lastLook, lastFrames, framesPerMs, framesToLimit, restartDue }: PaceFacts): number | undefined {
  if (now - lastFrames >= QUIET_MS) return undefined;
  // At its limit the WAL is made to restart: a look on time keeps it from growing far beyond.
  const frames = restartDue ? READ0_FRAMES : framesToLimit;
  return lastLook + (frames <= 0 ? LOOK_MS : Math.min(LOOK_MS, Math.max(CLOSEST_LOOK_MS, frames / framesPerMs)));
}

/** When the next cut is due; `undefined` = nothing to cut, or the acknowledgement of the previous one decides. */
export function nextCut(facts: PaceFacts): number | undefined {
  if (facts.dirtySince === undefined) return undefined;
  if (facts.backlog) return Math.max(facts.now, facts.cutBlockedUntil);
  if (facts.syncIntervalMs === 0) return facts.uploading ? undefined : Math.max(facts.now, facts.cutBlockedUntil);
  return Math.max(facts.lastCut + facts.syncIntervalMs, facts.cutBlockedUntil);
}

/** Waits between attempts of something that fails: doubling from 1 s to 5 min. */
export class Backoff {
  #failures = 0;

  /** Milliseconds to wait after one more failure. */
  next(): number {
    return Math.min(1000 * 2 ** this.#failures++, 300_000);
  }

  reset(): void {
    this.#failures = 0;
  }
}
