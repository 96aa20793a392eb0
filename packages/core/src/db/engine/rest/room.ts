/** When nobody has let go for so long, ms, all of them are busy, and there is room for as many again. */
const STANDSTILL_MS = 500;
/** The same where more of them may be too many for the process: it takes a slow disk or destination for what it is. */
const LAST_STANDSTILL_MS = 10_000;

/** The part of the usual room above which it is crowded. */
const CROWDED = 0.8;

interface Waiting {
  readonly seat: object;
  readonly enter: () => void;
}

export interface RoomSizes {
  /** For how many there is room as long as they come and go. */
  readonly usual: number;
  /** How many surely do no harm. */
  readonly harmless: number;
}

/**
 * Keeps the number of databases that are awake at a time, and with it that of descriptors, small while hundreds are taken up one after the other:
 * the next one waits until another rests. It is no barrier: when none of them does, because all have work to do, the next ones come in.
 */
export class Room {
  readonly #sizes: RoomSizes;
  readonly #taken = new Set<object>();
  readonly #waiting: Waiting[] = [];
  #size: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(sizes: RoomSizes) {
    this.#sizes = sizes;
    this.#size = sizes.usual;
  }

  get taken(): number {
    return this.#taken.size;
  }

  /** Somebody waits, or will soon have to. */
  get crowded(): boolean {
    return this.#waiting.length > 0 || this.#taken.size > this.#sizes.usual * CROWDED;
  }

  /** Resolves when there is room, and takes it. @throws the reason of `signal` */
  async enter(seat: object, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#taken.has(seat)) return;
    if (this.#waiting.length === 0 && this.#taken.size < this.#size) {
      this.#taken.add(seat);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        seat,
        enter: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.push(waiting);
      this.#watchStandstill();
    });
  }

  /** Takes room whether there is any or not. Idempotent. */
  take(seat: object): void {
    this.#taken.add(seat);
  }

  /** Idempotent. */
  leave(seat: object): void {
    if (!this.#taken.delete(seat)) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // What was needed for a while is not needed for ever.
    if (this.#waiting.length === 0) this.#size = Math.max(this.#sizes.usual, Math.min(this.#size, this.#taken.size + 1));
    this.#admit();
  }

  #watchStandstill(): void {
    const ms = this.#size * 2 <= this.#sizes.harmless ? STANDSTILL_MS : LAST_STANDSTILL_MS;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#size *= 2;
      this.#admit();
    }, ms);
  }

  #admit(): void {
    while (this.#taken.size < this.#size) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#taken.add(next.seat);
      next.enter();
    }
    if (this.#waiting.length > 0) this.#watchStandstill();
  }
}
