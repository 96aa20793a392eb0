import type { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import type { SQLiteDriver } from "../../sqlite/driver.js";
import { DatabaseLock, type RestingLock } from "../meta/lock.js";
import { MetaDirectory } from "../meta/meta-directory.js";
import type { EngineSettings } from "../protocol.js";
import { LocalState } from "./local-state.js";
import { ownerOf } from "./readiness.js";

/** The meta directory while it is ours: its lock, and what is known from it. */
export class LocalHold {
  readonly #settings: EngineSettings;
  readonly #driver: SQLiteDriver;
  #lock: DatabaseLock | undefined;
  #resting: RestingLock | undefined;
  #state: LocalState | undefined;
  /** The lock was somebody else's since the state was loaded. */
  #stale = false;

  constructor(settings: EngineSettings, driver: SQLiteDriver) {
    this.#settings = settings;
    this.#driver = driver;
  }

  /** `undefined` before {@link LocalHold.open}. */
  get known(): LocalState | undefined {
    return this.#state;
  }

  /** @throws LSError `LS_NOT_OPEN` */
  get state(): LocalState {
    if (this.#state === undefined) throw new LSError("LS_NOT_OPEN", "the database is not open");
    return this.#state;
  }

  /** Takes the lock, sweeps temp files, loads position and table. @throws LSError `LS_LOCKED`, … */
  async open(slicer: Slicer): Promise<void> {
    const { path, metaPath } = this.#settings;
    const meta = new MetaDirectory(metaPath, ownerOf(path));
    await meta.create();
    const made = await DatabaseLock.create(this.#driver, meta.lockPath, meta.owner);
    this.#lock ??= DatabaseLock.acquire(this.#driver, meta.lockPath, meta.owner, made);
    meta.sweepTemp();
    this.#state = await LocalState.load(meta, this.#settings, slicer);
  }

  /** Whether the meta directory is no longer the one that was opened: it was deleted, and its lock with it. */
  get isLost(): boolean {
    return this.#lock !== undefined && !this.#lock.isInPlace();
  }

  /** After the meta directory was lost: takes what is in its place now, as at a start. @throws as {@link LocalHold.open}; nothing is known then. */
  async reopen(slicer: Slicer): Promise<void> {
    this.release();
    this.#state = undefined;
    await this.open(slicer);
  }

  /** Releases the lock for as long as nothing is done here. The table has to be safe: it is recalled by {@link LocalHold.takeUp}. */
  letGo(): void {
    if (this.#lock === undefined) throw new LSError("LS_INTERNAL", "the lock is not held");
    this.#resting = this.#lock.rest();
    this.#lock = undefined;
    this.state.forgetTableForNow();
  }

  /**
   * Takes the lock again.
   * @returns false when somebody else had it, or changed something: what the disk holds is what counts, and it is loaded then.
   * @throws LSError `LS_LOCKED`, …; `LS_NOT_READY` when the database was deleted with its directory, which is not made again. It stays let go of.
   */
  async takeUp(slicer: Slicer): Promise<boolean> {
    const { meta } = this.state;
    if (this.#resting !== undefined) {
      // Where the lock lies, the directories are. That one of them is not shows when its files are looked for.
      if (!DatabaseLock.isThere(this.#resting)) {
        if (!meta.isPossible()) throw absent(this.#settings.path);
        await meta.create();
      }
      const { lock, unbroken } = DatabaseLock.resume(this.#driver, this.#resting, meta.owner);
      this.#lock = lock;
      this.#resting = undefined;
      // Also when what follows fails.
      this.#stale = true;
      this.#stale = !unbroken || !this.state.recallTable();
    }
    if (!this.#stale) return true;
    await meta.create();
    meta.sweepTemp();
    this.#state = await LocalState.load(meta, this.#settings, slicer);
    this.#stale = false;
    return false;
  }

  /** Idempotent. */
  release(): void {
    if (this.#resting !== undefined) DatabaseLock.forget(this.#resting);
    this.#resting = undefined;
    this.#lock?.release();
    this.#lock = undefined;
  }
}

function absent(path: string): LSError {
  return new LSError("LS_NOT_READY", `${path} and its directory do not exist any more`, {
    retryable: true,
    // All of it was at its destination before it rested.
    details: { path, reason: "absent", atRest: true },
  });
}
