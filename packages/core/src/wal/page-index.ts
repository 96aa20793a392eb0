const MIN_TABLE = 64;

/**
 * A number below 2^32 for each of many pages, in 16 to 32 bytes each: a transaction or a WAL may hold millions, and a `Map` would need five
 * times as much.
 */
export class PageIndex {
  /** Page numbers by hash, 0 = free; at most half full, so that probes stay short. */
  #keys = new Uint32Array(MIN_TABLE);
  #values = new Uint32Array(MIN_TABLE);
  #count = 0;

  /** Pages in it. */
  get count(): number {
    return this.#count;
  }

  /** The page's number, or -1. */
  get(pgno: number): number {
    const index = this.#find(pgno);
    return index < 0 ? -1 : (this.#values[index] ?? 0);
  }

  /** @param pgno at least 1. */
  set(pgno: number, value: number): void {
    let index = this.#find(pgno);
    if (index < 0) {
      if ((this.#count + 1) * 2 > this.#keys.length) this.#grow();
      index = -1 - this.#find(pgno);
      this.#keys[index] = pgno;
      this.#count++;
    }
    this.#values[index] = value;
  }

  /** The pages, in no order; `length` of them. */
  pages(): Uint32Array<ArrayBuffer> {
    const pages = new Uint32Array(this.#count);
    let count = 0;
    for (const pgno of this.#keys) if (pgno !== 0) pages[count++] = pgno;
    return pages;
  }

  /** Forgets all of them. The table is kept for the next ones unless it was far too large for these. */
  clear(): void {
    if (this.#keys.length > 16 * MIN_TABLE && this.#count < this.#keys.length / 16) {
      this.#keys = new Uint32Array(MIN_TABLE);
      this.#values = new Uint32Array(MIN_TABLE);
    } else {
      this.#keys.fill(0);
    }
    this.#count = 0;
  }

  /** Index of the page's entry, or -1 - (index where it would go). */
  #find(pgno: number): number {
    const mask = this.#keys.length - 1;
    // Fibonacci hashing: neighbouring page numbers, the usual case, land far apart.
    let index = (Math.imul(pgno, 0x9e3779b1) >>> 8) & mask;
    for (;;) {
      const key = this.#keys[index];
      if (key === pgno) return index;
      if (key === 0) return -1 - index;
      index = (index + 1) & mask;
    }
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Uint32Array(keys.length * 2);
    this.#values = new Uint32Array(keys.length * 2);
    for (let i = 0; i < keys.length; i++) {
      const pgno = keys[i] ?? 0;
      if (pgno === 0) continue;
      const index = -1 - this.#find(pgno);
      this.#keys[index] = pgno;
      this.#values[index] = values[i] ?? 0;
    }
  }
}
