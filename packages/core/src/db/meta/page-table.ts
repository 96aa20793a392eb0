import { lockPage } from "@ls/ltx";
import type { PageHashes } from "../protocol.js";

/** Entry of a page whose hash is not known: it differs from everything. A real hash of 0 only costs a needless page. */
const UNKNOWN = 0;
const MIN_CAPACITY = 8;

/**
 * One 8-byte hash (XXH64 as `PageHasher` of `@ls/ltx` gives it) per page of a database state. Comparing it with the database tells which
 * pages changed, whatever happened in between. Hashes travel as pairs of 32-bit words, low word first: page i of a batch is at 2·i and 2·i+1.
 *
 * Eight bytes per page stay in memory: 2 MB for a database of 1 GB with 4 KiB pages.
 */
export class PageTable {
  readonly pageSize: number;
  readonly #lockPage: number;
  #words: Uint32Array = new Uint32Array(0);
  #commit = 0;

  constructor(pageSize: number) {
    this.pageSize = pageSize;
    this.#lockPage = lockPage(pageSize);
  }

  /** A table over the hashes of the destination's newest state; takes the memory over. */
  static from(hashes: PageHashes): PageTable {
    const table = new PageTable(hashes.pageSize);
    if (hashes.hashes.length < hashes.commit) throw new RangeError(`${hashes.hashes.length} hashes do not cover ${hashes.commit} pages`);
    table.#words = new Uint32Array(hashes.hashes.buffer, hashes.hashes.byteOffset, hashes.commit * 2);
    table.#commit = hashes.commit;
    return table;
  }

  /** Database size in pages. */
  get commit(): number {
    return this.#commit;
  }

  /** The words of all pages: page 1 first. A view, valid until the table changes its size. */
  get words(): Uint32Array {
    return this.#words.subarray(0, this.#commit * 2);
  }

  /** Follows the database's size; new pages are unknown. */
  resize(commit: number): void {
    if (commit * 2 > this.#words.length) {
      const words = new Uint32Array(Math.max(MIN_CAPACITY, commit, Math.min(this.#commit * 2, commit * 2)) * 2);
      words.set(this.words);
      this.#words = words;
    } else if (commit < this.#commit) {
      this.#words.fill(UNKNOWN, commit * 2, this.#commit * 2);
    }
    this.#commit = commit;
  }

  /**
   * Takes the hashes of a durable cut over, after {@link PageTable.resize}. Pages beyond the size are ignored.
   * @param pgnos page numbers, `count` of them.
   */
  update(pgnos: Uint32Array, count: number, hashes: Uint32Array): void {
    for (let i = 0; i < count; i++) {
      const pgno = pgnos[i] ?? 0;
      if (pgno < 1 || pgno > this.#commit) continue;
      this.#words[(pgno - 1) * 2] = hashes[i * 2] ?? 0;
      this.#words[(pgno - 1) * 2 + 1] = hashes[i * 2 + 1] ?? 0;
    }
  }

  /** Takes the hashes of `count` neighbouring pages over. */
  updateRun(firstPgno: number, count: number, hashes: Uint32Array): void {
    const fitting = Math.max(0, Math.min(count, this.#commit - firstPgno + 1));
    this.#words.set(hashes.subarray(0, fitting * 2), (firstPgno - 1) * 2);
  }

  /**
   * Compares `count` neighbouring pages of the database with the table.
   * @param out receives the numbers of the pages that differ, or are beyond the table's size, or unknown; at least `count` long.
   * @returns how many there are. The lock page never differs.
   */
  differing(firstPgno: number, count: number, hashes: Uint32Array, out: Uint32Array): number {
    const words = this.#words;
    let found = 0;
    for (let i = 0, at = (firstPgno - 1) * 2; i < count; i++, at += 2) {
      const pgno = firstPgno + i;
      const low = words[at] ?? UNKNOWN;
      const high = words[at + 1] ?? UNKNOWN;
      const known = pgno <= this.#commit && (low !== UNKNOWN || high !== UNKNOWN);
      if (known && low === hashes[i * 2] && high === hashes[i * 2 + 1]) continue;
      if (pgno === this.#lockPage) continue;
      out[found++] = pgno;
    }
    return found;
  }

  /** Pages without a hash, the lock page not counted: 0 = the table is complete. Reads the whole table. */
  unknownPages(): number {
    let unknown = 0;
    for (let at = 0, end = this.#commit * 2; at < end; at += 2) {
      if (this.#words[at] === UNKNOWN && this.#words[at + 1] === UNKNOWN && at !== (this.#lockPage - 1) * 2) unknown++;
    }
    return unknown;
  }
}
