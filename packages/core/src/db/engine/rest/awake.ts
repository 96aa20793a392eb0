import type { Slicer } from "../../../concurrency/slicer.js";
import { descriptorLimit } from "../../../sqlite/descriptors.js";
import { Room, type RoomSizes } from "./room.js";

/** What a database that is awake has open. */
const DESCRIPTORS = 11;
/** Databases that are awake in a thread at a time, unless all of them are busy. */
const USUAL_ROOM = 20;
/** How long one has to be idle before it makes room for others, ms; longer for one that was woken soon. */
const PRESSED_IDLE_MS = 50;
/** How long one that is written to seldom has to be idle, ms: it is as good as sure to rest again, and costs a poll a second until then. */
const SELDOM_IDLE_MS = 1000;
/** A rest that was shorter than so many idle times cost more than it saved: waking and letting go take some milliseconds. */
const WORTHWHILE = 30;

/** The databases of this thread. */
let room: Room | undefined;

function roomOfThread(): Room {
  room ??= new Room(roomSizes(descriptorLimit()));
  return room;
}

/** Half of what the process may have open is the application's. */
function roomSizes(descriptors: number): RoomSizes {
  const harmless = Math.max(1, Math.floor(descriptors / 2 / DESCRIPTORS));
  return { usual: Math.min(USUAL_ROOM, harmless), harmless };
}

/** How long a database has to be idle before it rests. */
export class IdleTime {
  readonly #restAfterMs: number;
  #calmMs: number;
  #pressedMs: number;

  /** @param restAfterMs when nothing presses; 0 = it never rests. */
  constructor(restAfterMs: number) {
    this.#restAfterMs = restAfterMs;
    this.#calmMs = restAfterMs;
    this.#pressedMs = Math.min(PRESSED_IDLE_MS, restAfterMs);
  }

  /** Waits until there is room among the databases that are awake. {@link IdleTime.rose} or {@link IdleTime.fell} has to follow. */
  async rise(slicer: Slicer): Promise<void> {
    // Who never rests would only wait for others that do not rest either.
    if (this.#restAfterMs > 0) await roomOfThread().enter(this, slicer.signal);
  }

  /** The database is awake from now on. */
  rose(): void {
    roomOfThread().take(this);
  }

  /** It rests, or is captured no longer. */
  fell(): void {
    roomOfThread().leave(this);
  }

  get ms(): number {
    return roomOfThread().crowded ? this.#pressedMs : this.#calmMs;
  }

  /** A rest has ended, after so many ms. */
  rested(ms: number): void {
    this.#calmMs = ms > this.#restAfterMs ? Math.min(SELDOM_IDLE_MS, this.#restAfterMs) : this.#restAfterMs;
    this.#pressedMs =
      ms < WORTHWHILE * this.#pressedMs
        ? Math.min(this.#pressedMs * 4, this.#restAfterMs)
        : Math.max(this.#pressedMs / 2, Math.min(PRESSED_IDLE_MS, this.#restAfterMs));
  }
}
