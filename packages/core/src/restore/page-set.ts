/** Pages per block: 8 KiB of bits. */
const BLOCK_PAGES = 65_536;

/** A set of page numbers. Memory follows the pages that are in it, not the largest number. */
export class PageSet {
  readonly #blocks: Map<number, Uint32Array> = new Map();
  #size = 0;

  /** How many pages are in the set. */
  get size(): number {
    return this.#size;
  }

  /** Adds a page; false when it was there already. */
  add(pgno: number): boolean {
    const key = Math.floor(pgno / BLOCK_PAGES);
    let block = this.#blocks.get(key);
    if (block === undefined) {
      block = new Uint32Array(BLOCK_PAGES / 32);
      this.#blocks.set(key, block);
    }
    const word = (pgno % BLOCK_PAGES) >>> 5;
    const bit = 1 << (pgno & 31);
    const bits = block[word] ?? 0;
    if ((bits & bit) !== 0) return false;
    block[word] = bits | bit;
    this.#size++;
    return true;
  }
}
