import type { RestingLock } from "../lock.js";
import type { FilesStamp } from "./files-stamp.js";

/** When databases that nobody writes to are let go of. Internal; tests make it quick. */
export interface RestPolicy {
  /** A database that was idle for so long rests, ms. */
  readonly idleMs: number;
  /** With more databases attached in this thread than this, it takes only `pressedIdleMs`. */
  readonly attachedLimit: number;
  /** Shortest idle time then, ms; one that is woken soon again stays longer each time. */
  readonly pressedIdleMs: number;
  /** Larger databases never rest: after it, all of one may have to be compared with the page table. 0 = none rests. */
  readonly maxBytes: number;
}

/** Switched off: that a rest never misses a commit is not proven yet. */
export const DEFAULT_REST: RestPolicy = { idleMs: 60_000, attachedLimit: 16, pressedIdleMs: 300, maxBytes: 0 };

/** Files are looked at this often while their directory is watched, ms. */
const WATCHED_POLL_MS = 5000;
/** Pace of the shared timer. */
const TICK_MS = 500;

/** Engines that are attached in this thread. */
const attached = new Set<object>();

export function noteAttached(engine: object, is: boolean): void {
  if (is) attached.add(engine);
  else attached.delete(engine);
}

/** How long a database has to be idle before it rests. */
export function idleLimit(policy: RestPolicy, pressedIdleMs: number): number {
  return attached.size > policy.attachedLimit ? Math.min(pressedIdleMs, policy.idleMs) : policy.idleMs;
}

/** The idle time for next time: waking costs some milliseconds, so it has to be rare beside the time it saves. */
export function adaptIdle({ pressedIdleMs, idleMs }: RestPolicy, currentMs: number, restedMs: number): number {
  return restedMs < 30 * currentMs ? Math.min(currentMs * 4, idleMs) : Math.max(currentMs / 2, pressedIdleMs);
}

/** A database that rests: no connection, no lock, no timer of its own. */
export class Rest {
  static readonly #all = new Set<Rest>();
  static #timer: NodeJS.Timeout | undefined;
  readonly stamp: FilesStamp;
  readonly lock: RestingLock;
  readonly #since: number = performance.now();
  readonly #onChange: () => void;
  readonly #everyMs: number;
  #nextPoll: number;
  /** It is to be taken up as soon as possible. */
  wanted = false;

  /**
   * @param everyMs how often the files are looked at; `undefined` = their directory is watched, and this is only the net below.
   * @param onChange something happened to the files.
   */
  constructor(stamp: FilesStamp, lock: RestingLock, everyMs: number | undefined, onChange: () => void) {
    this.stamp = stamp;
    this.lock = lock;
    this.#onChange = onChange;
    this.#everyMs = everyMs ?? WATCHED_POLL_MS;
    // Spread out, so that a thousand databases are not looked at in the same moment.
    this.#nextPoll = this.#since + this.#everyMs * (0.5 + Math.random() / 2);
    Rest.#all.add(this);
    Rest.#timer ??= setInterval(Rest.#poll, TICK_MS);
  }

  /** Milliseconds since it began. */
  get duration(): number {
    return performance.now() - this.#since;
  }

  end(): void {
    Rest.#all.delete(this);
    if (Rest.#all.size > 0) return;
    clearInterval(Rest.#timer);
    Rest.#timer = undefined;
  }

  static readonly #poll = (): void => {
    const now = performance.now();
    for (const rest of Rest.#all) {
      if (now < rest.#nextPoll || rest.wanted) continue;
      rest.#nextPoll = now + rest.#everyMs;
      if (!rest.stamp.isCurrent()) rest.#onChange();
    }
  };
}
