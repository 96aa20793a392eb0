/** A small seeded generator (mulberry32): the same seed gives the same sequence on every machine. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#state = this.seed;
  }

  /** A whole number from 0 to 2^32-1. */
  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** A number in [0, 1). */
  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.float() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError("pick needs a non-empty list");
    return item;
  }

  /** Bytes that do not compress. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(length);
    const view = new DataView(out.buffer);
    let at = 0;
    for (; at + 4 <= length; at += 4) view.setUint32(at, this.uint32(), true);
    for (let word = this.uint32(); at < length; at++, word >>>= 8) out[at] = word & 0xff;
    return out;
  }

  /** Lower-case words of 2 to 9 letters; compresses like prose. */
  text(length: number): string {
    let out = "";
    while (out.length < length) {
      for (let n = this.int(2, 9); n > 0; n--) out += String.fromCharCode(97 + Math.floor(this.float() ** 2 * 26));
      out += " ";
    }
    return out.slice(0, length);
  }

  /** An independent generator that depends on this seed and `label` only. */
  fork(label: string): Random {
    let hash = this.seed ^ 0x811c9dc5;
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193);
    return new Random(hash >>> 0);
  }
}

/** The seed for a run: `LS_SEED` where set, so that a printed failure can be repeated, else `fallback`. */
export function seedOf(fallback: number): number {
  const text = process.env.LS_SEED;
  if (text === undefined || text === "") return fallback;
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0) throw new RangeError(`LS_SEED must be a whole number, not ${JSON.stringify(text)}`);
  return seed;
}

/** Runs `body` with a generator; a failure is thrown on with the seed in its message. */
export async function withSeed<T>(seed: number, body: (random: Random) => Promise<T> | T): Promise<T> {
  try {
    return await body(new Random(seed));
  } catch (error) {
    throw new Error(`with seed ${seed} (repeat with LS_SEED=${seed}): ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
