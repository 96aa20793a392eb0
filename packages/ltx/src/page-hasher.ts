import { type Arena, IN_OFFSET, IN_SIZE, OUT_SIZE, TABLE_ENTRIES } from "./arena.js";
import { acquireArena, releaseArena } from "./arena-pool.js";
import { isValidPageSize } from "./format.js";

/** IN and OUT together: hashing needs no output area. */
const INPUT_SIZE: number = IN_SIZE + OUT_SIZE;

/**
 * XXH64 (seed 0) of pages. Read them straight into {@link input}, then call {@link hash}: no copy, no allocation.
 * Takes an arena of 1152 KiB; {@link dispose} gives it back.
 */
export class PageHasher {
  #arena: Arena | undefined = acquireArena();
  /** Where the pages go, one after the other. 1 MiB. Valid until `dispose`. */
  readonly input: Uint8Array;

  constructor() {
    this.input = this.#open().bytes.subarray(IN_OFFSET, IN_OFFSET + INPUT_SIZE);
  }

  /**
   * Hashes the first `count` pages of {@link input}.
   * @param out the hash of page i goes to out[outOffset + 2 * i] (low word) and the element after it (high word).
   * @throws RangeError when the pages do not fit into `input`, or the hashes into `out`.
   */
  hash(pageSize: number, count: number, out: Uint32Array, outOffset = 0): void {
    const arena = this.#open();
    if (!isValidPageSize(pageSize)) throw new RangeError(`${pageSize} is not a page size`);
    if (!Number.isInteger(count) || count < 0 || count * pageSize > INPUT_SIZE || count > TABLE_ENTRIES)
      throw new RangeError(`${count} pages of ${pageSize} bytes do not fit into the input`);
    if (outOffset + count * 2 > out.length) throw new RangeError(`${count} hashes do not fit into the output`);
    arena.kernel.hashPages(count, pageSize);
    out.set(arena.hashes.subarray(0, count * 2), outOffset);
  }

  /** Gives the memory back. Idempotent. */
  dispose(): void {
    if (this.#arena === undefined) return;
    releaseArena(this.#arena);
    this.#arena = undefined;
  }

  #open(): Arena {
    if (this.#arena === undefined) throw new TypeError("the hasher is disposed");
    return this.#arena;
  }
}

/**
 * XXH64 (seed 0) of `count` pages that lie one after the other in `data`. Copies them; {@link PageHasher} does not.
 * @param out the hash of page i goes to out[2 * i] (low word) and out[2 * i + 1] (high word).
 */
export function hashPages(data: Uint8Array, pageSize: number, count: number, out: Uint32Array): void {
  if (data.length < count * pageSize) throw new RangeError(`${data.length} bytes are too few for ${count} pages of ${pageSize}`);
  const hasher = new PageHasher();
  try {
    const step = Math.floor(INPUT_SIZE / pageSize);
    for (let done = 0; done < count; done += step) {
      const now = Math.min(step, count - done);
      hasher.input.set(data.subarray(done * pageSize, (done + now) * pageSize));
      hasher.hash(pageSize, now, out, done * 2);
    }
  } finally {
    hasher.dispose();
  }
}
