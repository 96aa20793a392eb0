import { DueQueue } from "../../../concurrency/due-queue.js";

/** Pace of the timer that all resting databases of a thread share, ms. */
const TICK_MS = 500;

/** A database that rests, to be looked at from time to time. */
export interface Sleeper {
  /** Time between two looks, ms. */
  everyMs(): number;
  /** A look; does not throw. */
  look(): void;
}

/** By the moment of their next look, as `performance.now()`. */
const sleepers: DueQueue<Sleeper> = new DueQueue();
let timer: NodeJS.Timeout | undefined;

export function addSleeper(sleeper: Sleeper): void {
  // Spread out: those that begin to rest together are not looked at together.
  sleepers.set(sleeper, performance.now() + sleeper.everyMs() * (0.5 + Math.random() / 2));
  timer ??= setInterval(lookAtDue, TICK_MS);
}

/** Idempotent. */
export function removeSleeper(sleeper: Sleeper): void {
  sleepers.delete(sleeper);
  if (sleepers.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function lookAtDue(): void {
  const now = performance.now();
  for (let sleeper = sleepers.takeDue(now); sleeper !== undefined; sleeper = sleepers.takeDue(now)) {
    sleepers.set(sleeper, now + sleeper.everyMs());
    sleeper.look();
  }
}
