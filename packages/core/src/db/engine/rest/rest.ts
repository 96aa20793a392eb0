import type { Slicer } from "../../../concurrency/slicer.js";
import { isLSError } from "../../../errors.js";
import { walPathOf } from "../../../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../../../sqlite/driver.js";
import type { EngineEvent, EngineSettings } from "../../protocol.js";
import type { CaptureLoop } from "../capture-loop.js";
import type { Capturing } from "../capturing.js";
import type { Hindrance } from "../hindrance.js";
import type { LocalHold } from "../local-hold.js";
import type { DatabaseWatch } from "../watch.js";
import { IdleTime } from "./awake.js";
import { type FilesStamp, isFine, sameFiles, sameState, stampFiles } from "./files-stamp.js";
import { glance } from "./glance.js";
import { APART_MS, decideRest, decideWake, type RestDecision } from "./rest-decision.js";
import { nextRound } from "./rounds.js";
import { addSleeper, removeSleeper, type Sleeper } from "./sleepers.js";

/** A database that could not be let go of, or not be taken up, is left alone for so long, ms. */
const RETRY_MS = 5000;
/** Files that were touched while they were to settle get another chance after this time, ms. */
const UNSETTLED_MS = 500;
/**
 * Something has happened to the files of a resting database: before it is looked at, and again before it is taken up, whoever opens, commits and
 * closes has the time to do so, ms.
 */
const CALM_MS = 25;
/** A resting database that is just being closed is waited for no longer than this, ms. */
const CLOSING_MS = 250;
/** Files are looked at this often while their directory is watched, ms: that is only for what the watch may have lost. */
const WATCHED_POLL_MS = 30_000;

export interface RestParts {
  readonly settings: EngineSettings;
  readonly driver: SQLiteDriver;
  readonly hold: LocalHold;
  readonly capturing: Capturing;
  readonly hindrance: Hindrance;
  readonly watch: DatabaseWatch;
  readonly emit: (event: EngineEvent) => void;
  /** How often the files are looked at where the directory is not watched, ms. */
  readonly pollMs: number;
  /** Asks for a turn. */
  readonly turn: () => void;
  /** The SQLite copies of the process allow connections. @throws LSError */
  readonly checkCopies: () => void;
}

/** Something has happened to the files of a resting database. */
interface Notice {
  /** When that was noticed, as `performance.now()`, and when it was heard of first, in ms since the epoch. */
  readonly at: number;
  readonly atMs: number;
  /** The files at the last look, and when that was. */
  stamp: FilesStamp;
  lookedAt: number;
}

/** The database rests: nothing is open, and no lock is held, unless it is until the destination has what a glance found. */
interface Resting extends Sleeper {
  /** As long as `stat` finds the same database at its path, its WAL is the one that it had. */
  readonly walPath: string;
  /** Since when, as `performance.now()`. */
  readonly since: number;
  /** The files in the state that is known, and since when it is. */
  stamp: FilesStamp;
  knownSince: number;
  /** When something began to happen of which nothing is known yet, ms since the epoch. */
  heardMs: number | undefined;
  /** It is to be looked at, or taken up, as soon as possible. */
  notice: Notice | undefined;
  /** It could not be taken up. */
  refused: boolean;
  /** The lock is held. */
  held: boolean;
}

/**
 * An idle database is let go of: no connection, no descriptor, no lock, no timer of its own, and no page table in memory. When something happens to
 * its files, a glance at them may be enough; otherwise, or when somebody asks for more than they can tell, it is taken up again.
 *
 * What makes that loss-free: it is let go of only when the destination has acknowledged everything, all of the WAL is in the database file, and
 * nothing lies behind the WAL's committed end, while the files have not been touched for {@link SETTLE_MS}. From there on no commit can become
 * visible without a write that changes what `stat` tells. So files that look the same hold the same state; with any others, and whenever a doubt is
 * left, the database is taken up as at a start, where the WAL or the page table proves what was missed. That nobody else replicated meanwhile is
 * what the token in the lock proves.
 */
export class Rest {
  readonly #parts: RestParts;
  readonly #idle: IdleTime;
  #settling: { readonly stamp: FilesStamp; readonly since: number } | undefined;
  #resting: Resting | undefined;
  #blockedUntil = 0;

  constructor(parts: RestParts) {
    this.#parts = parts;
    // Windows brings a file's times up to date only when whoever writes to it closes it.
    this.#idle = new IdleTime(process.platform === "win32" ? 0 : parts.settings.restAfterMs);
  }

  get resting(): boolean {
    return this.#resting !== undefined;
  }

  /** Whether it rests without its lock, so that its meta directory may be somebody else's. */
  get away(): boolean {
    return this.#resting?.held === false;
  }

  /** Whether it is going to be taken up, so that more that happens to its files changes nothing. */
  get isWanted(): boolean {
    return this.#resting?.notice !== undefined;
  }

  /** Something begins to happen to the files of a resting database. @returns how long after that it is to be looked at, ms: see {@link nextRound} */
  heard(): number {
    const { path, syncIntervalMs } = this.#parts.settings;
    const now = performance.now();
    if (this.#resting !== undefined) this.#resting.heardMs ??= Date.now();
    return nextRound(path, { now, earliestMs: now + this.#calmMs, syncIntervalMs }) - now;
  }

  get #calmMs(): number {
    return Math.min(CALM_MS, this.#parts.settings.syncIntervalMs / 4);
  }

  /** Whether it rests and is known, by a look at the files, to be in the state in which it was let go of. */
  isUntouched(): boolean {
    const resting = this.#resting;
    return resting !== undefined && sameState(resting.stamp, this.#stamp(resting.walPath));
  }

  /** When something is due; `undefined` = nothing by the clock. */
  nextDue(now: number): number | undefined {
    if (this.#resting !== undefined) return this.#resting.notice === undefined ? undefined : this.#blockedUntil;
    const { loop } = this.#parts.capturing;
    if (loop === undefined) return undefined;
    const decision = this.#decide(loop, now);
    if (decision.kind === "stay") return undefined;
    return decision.kind === "wait" ? decision.until : now;
  }

  /** Capture runs: from now on the database is one of those that are awake. */
  rose(): void {
    this.#settling = undefined;
    this.#idle.rose();
  }

  /** Capture has ended, for whatever reason. */
  fell(): void {
    this.#settling = undefined;
    this.#idle.fell();
  }

  /** Does what is due while it does not rest. */
  async step(loop: CaptureLoop, slicer: Slicer): Promise<void> {
    const decision = this.#decide(loop, performance.now());
    if (decision.kind === "stay") this.#settling = undefined;
    else if (decision.kind === "settle") await this.#settle(loop, slicer);
    else if (decision.kind === "rest") this.#letGo(loop);
  }

  async #settle(loop: CaptureLoop, slicer: Slicer): Promise<void> {
    this.#blockedUntil = performance.now() + RETRY_MS;
    await loop.attached.look("now", slicer);
    // Order matters: what happens from here on is noticed by the watch, or by a stamp.
    this.#parts.watch.start();
    const stamp = this.#stamp();
    loop.peek(performance.now());
    this.#blockedUntil = 0;
    this.#settling = { stamp, since: performance.now() };
  }

  #letGo(loop: CaptureLoop): void {
    const { hold, capturing, emit } = this.#parts;
    const { attached } = loop;
    const stamp = this.#settling?.stamp;
    this.#settling = undefined;
    this.#blockedUntil = performance.now() + RETRY_MS;
    attached.checkIdentity();
    // Order matters: the looks at the WAL lie between two equal stamps, so nothing was written while they were taken.
    if (stamp === undefined || !isFine(stamp) || !sameFiles(stamp, this.#stamp()) || !attached.isFolded() || !sameFiles(stamp, this.#stamp())) {
      loop.peek(performance.now());
      if (stamp !== undefined && !sameFiles(stamp, this.#stamp())) this.#blockedUntil = performance.now() + UNSETTLED_MS;
      return;
    }
    const { state } = hold;
    if (!state.isKeptFor(attached.identity)) state.keepTable(attached.identity, attached.cutPosition);
    if (!state.isKeptFor(attached.identity)) return;
    state.leaveFewCopies();
    capturing.letGo(() => hold.letGo());
    this.#blockedUntil = 0;
    this.#resting = this.#sleeper(stamp);
    addSleeper(this.#resting);
    emit({ type: "resting" });
    // What happened while it was being let go of.
    this.#resting.look();
  }

  #sleeper(stamp: FilesStamp): Resting {
    const { watch, pollMs, turn } = this.#parts;
    const now = performance.now();
    return {
      walPath: walPathOf(this.#parts.settings.path),
      since: now,
      stamp,
      knownSince: now,
      heardMs: undefined,
      notice: undefined,
      refused: false,
      held: false,
      everyMs: () => (watch.active ? Math.max(pollMs, WATCHED_POLL_MS) : pollMs),
      look: () => {
        if (!this.isUntouched()) turn();
      },
    };
  }

  /** A turn while it rests: looks at it, or takes it up, if something has happened to the files. */
  async turn(slicer: Slicer): Promise<void> {
    const resting = this.#resting;
    if (resting === undefined) return;
    const now = performance.now();
    const stamp = this.#stamp(resting.walPath);
    const { heardMs } = resting;
    resting.heardMs = undefined;
    if (resting.notice === undefined && !sameState(resting.stamp, stamp)) {
      resting.notice = { at: now, atMs: heardMs ?? Date.now(), stamp, lookedAt: now };
      this.#blockedUntil = Math.max(this.#blockedUntil, now + this.#calmMs);
    }
    if (resting.notice === undefined || now < this.#blockedUntil) return;
    try {
      await this.#follow(resting, resting.notice, stamp, slicer);
    } catch (error) {
      if (this.#resting === undefined || isLSError(error, "LS_SECOND_SQLITE")) throw error;
      // While the lock is somebody else's, only time helps. That there are commits is to be assumed.
      this.#blockedUntil = performance.now() + RETRY_MS;
      if (!resting.refused) this.#parts.emit({ type: "dirty", sinceMs: Date.now() });
      resting.refused = true;
      this.#parts.hindrance.warn(error);
    }
  }

  async #follow(resting: Resting, notice: Notice, current: FilesStamp, slicer: Slicer): Promise<void> {
    const now = performance.now();
    const decision = decideWake({
      rested: resting.stamp,
      restedMs: notice.at - resting.knownSince,
      restAfterMs: this.#parts.settings.restAfterMs,
      noticed: notice.stamp,
      current,
      apartMs: now - notice.lookedAt,
    });
    if (decision === "wait" && now - notice.at < CLOSING_MS) {
      notice.stamp = current;
      notice.lookedAt = now;
      this.#blockedUntil = now + APART_MS;
      return;
    }
    await this.inRoom(slicer, () => (decision === "glance" ? this.#glance(resting, notice, slicer) : this.#wake(slicer)));
  }

  /** Sees what differs, and rests on; the lock stays until the destination has it. Where that is not enough the database is taken up. */
  async #glance(resting: Resting, { atMs, stamp }: Notice, slicer: Slicer): Promise<void> {
    const { hold } = this.#parts;
    this.#parts.checkCopies();
    const unbroken = await hold.takeUp(slicer);
    if (!unbroken || !(await this.#compare(atMs, () => sameFiles(stamp, this.#stamp(resting.walPath)), slicer))) {
      this.#risen(resting);
      await this.#goOn(unbroken, slicer);
      return;
    }
    resting.stamp = stamp;
    resting.knownSince = performance.now();
    resting.notice = undefined;
    resting.heardMs = undefined;
    resting.refused = false;
    resting.held = true;
    this.acknowledged();
    // What happened since the files were looked at.
    resting.look();
  }

  /** @returns whether the state in the file is staged, and its page table safe. */
  async #compare(noticedMs: number, isUntouched: () => boolean, slicer: Slicer): Promise<boolean> {
    const { hold, driver, settings, emit } = this.#parts;
    try {
      const identity = await glance({ driver, path: settings.path, local: hold.state, noticedMs, isUntouched, emit }, slicer);
      if (identity === undefined) return false;
      hold.state.keepTable(identity, undefined);
      return hold.state.isKeptFor(identity);
    } catch (error) {
      // Whatever it is, it is met again where it is dealt with.
      if (slicer.aborted) throw error;
      return false;
    }
  }

  /** The destination has taken files: a lock that was held for their sake goes. */
  acknowledged(): void {
    const resting = this.#resting;
    const { hold, hindrance } = this.#parts;
    if (resting?.held !== true || hold.state.staged.unacknowledgedBytes > 0) return;
    try {
      hold.state.leaveFewCopies();
    } catch (error) {
      hindrance.warn(error);
    }
    hold.letGo();
    resting.held = false;
    this.#idle.fell();
  }

  /**
   * Takes the database up if it rests, and goes on capturing.
   * @throws LSError `LS_LOCKED`, `LS_SECOND_SQLITE`, …; it rests on then.
   */
  async wake(slicer: Slicer): Promise<void> {
    if (this.#resting === undefined) return;
    await this.inRoom(slicer, () => this.#wake(slicer));
  }

  async #wake(slicer: Slicer): Promise<void> {
    await this.#goOn(await this.rise(slicer), slicer);
  }

  /** @param unbroken as {@link Rest.rise} has it. */
  async #goOn(unbroken: boolean, slicer: Slicer): Promise<void> {
    const { capturing, emit } = this.#parts;
    try {
      if (unbroken) await capturing.resume(slicer);
    } finally {
      emit({ type: "awake" });
    }
    const { loop } = capturing;
    if (!unbroken) emit({ type: "detached", reason: "another process replicated the database while it rested" });
    else if (loop === undefined) emit({ type: "dirty", sinceMs: Date.now() });
    else loop.peek(performance.now());
  }

  /** Starts capture as soon as there is room among the databases that are awake. */
  async inRoom<T>(slicer: Slicer, begin: () => Promise<T>): Promise<T> {
    await this.#idle.rise(slicer);
    try {
      return await begin();
    } finally {
      if (this.#parts.capturing.loop === undefined && this.#resting?.held !== true) this.#idle.fell();
    }
  }

  /**
   * Ends the rest, if there is one: the lock is held again, but nothing is captured.
   * @returns false when somebody else had the lock, so that only what the disk holds counts.
   * @throws as {@link Rest.wake}
   */
  async rise(slicer: Slicer): Promise<boolean> {
    const resting = this.#resting;
    if (resting === undefined) return true;
    this.#parts.checkCopies();
    const unbroken = await this.#parts.hold.takeUp(slicer);
    this.#risen(resting);
    return unbroken;
  }

  #risen(resting: Resting): void {
    this.#idle.rested(performance.now() - resting.since);
    this.forget();
    this.#parts.watch.start();
  }

  /** It will not be taken up again. Idempotent. */
  forget(): void {
    if (this.#resting !== undefined) removeSleeper(this.#resting);
    this.#resting = undefined;
  }

  #decide(loop: CaptureLoop, now: number): RestDecision {
    const { hold, hindrance } = this.#parts;
    const { staged, table } = hold.state;
    const { attached } = loop;
    return decideRest({
      now,
      idleSince: loop.lastGrowth,
      idleMs: this.#idle.ms,
      folded: loop.folded,
      blockedUntil: this.#blockedUntil,
      engaged: loop.dirty || attached.skipping || attached.snapshot.isOpen || hindrance.paused !== undefined,
      uploading: staged.unacknowledgedBytes > 0,
      tableComplete: loop.tableComplete,
      bytes: table === undefined ? Number.POSITIVE_INFINITY : table.commit * table.pageSize,
      settlingSince: this.#settling?.since,
    });
  }

  #stamp(walPath: string = walPathOf(this.#parts.settings.path)): FilesStamp {
    return stampFiles(this.#parts.settings.path, walPath);
  }
}
