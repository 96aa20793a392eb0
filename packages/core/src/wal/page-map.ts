import { lockPage } from "@ls/ltx";
import { LSError } from "../errors.js";
import { frameEnd, WAL_FRAME_HEADER_SIZE } from "./frame.js";
import type { FrameSink, ReadAt, ScanResult, WALPosition, WALReader } from "./reader.js";

/** Frames of one WAL generation, as LTX headers name them. */
export interface WALRange {
  readonly salt1: number;
  readonly salt2: number;
  readonly pageSize: number;
  /** Frames before the range. */
  readonly startFrame: number;
  /** Last frame of the range: a commit. */
  readonly endFrame: number;
}

/** What a page map holds, ready to be encoded; valid until the map changes. */
export interface PageMapCut {
  /** Ascending; without the lock page and without pages beyond `commit`. */
  readonly pgnos: Uint32Array<ArrayBuffer>;
  /** Database size in pages after the last commit. */
  readonly commit: number;
  /** Smallest database size at any commit since the map was cleared; pages above it were cut off at least once. */
  readonly minCommit: number;
  /** The part of the newest generation that is in the map. */
  readonly range: WALRange;
}

/** Pool memory is taken in slabs, so that a small cut costs little memory. */
const SLAB_BYTES = 1024 * 1024;
/** Kept over `clear()`: a steady small load then allocates nothing. */
const RETAINED_SLABS = 4;
/** Set in an entry that names a frame of the WAL instead of a slot of the pool. */
const IN_WAL = 0x8000_0000;
const MIN_TABLE = 64;

/**
 * The newest version of every page over the frames grabbed since the last cut.
 *
 * Pages lie in a pool of at most `maxBytes`, so that the WAL may restart before the cut. A transaction that crosses the limit is
 * kept by reference: the map then names frames of the WAL ({@link PageMap.spilled}), and **the cut must be made before the read mark
 * moves**, because only the mark keeps those frames in place.
 */
export class PageMap implements FrameSink {
  readonly pageSize: number;
  readonly #maxSlots: number;
  readonly #pagesPerSlab: number;
  readonly #slabs: Uint8Array[] = [];
  #slots = 0;
  #keys = new Uint32Array(MIN_TABLE);
  #values = new Uint32Array(MIN_TABLE);
  #count = 0;
  #spilled = 0;
  #commit = 0;
  #minCommit = 0;
  #range: WALRange | undefined;

  /** @param maxBytes pool limit in bytes; at least one page is always kept. */
  constructor(pageSize: number, maxBytes: number) {
    this.pageSize = pageSize;
    this.#maxSlots = Math.min(IN_WAL - 1, Math.max(1, Math.floor(maxBytes / pageSize)));
    this.#pagesPerSlab = Math.max(1, Math.floor(SLAB_BYTES / pageSize));
  }

  /** Pages in the map, those beyond the last commit size included. */
  get pageCount(): number {
    return this.#count;
  }

  /** Pool memory in use. */
  get bytes(): number {
    return this.#slots * this.pageSize;
  }

  /** Whether frames of the WAL are referenced: cut before the read mark moves. */
  get spilled(): boolean {
    return this.#spilled > 0;
  }

  /** Whether nothing was grabbed since the last clear. */
  get empty(): boolean {
    return this.#range === undefined;
  }

  /** The pool is used up: cut, clear, then grab on. */
  full(): boolean {
    return this.#slots >= this.#maxSlots;
  }

  /**
   * Takes the frames after `from` up to `endFrame`, at most up to SQLite's mxFrame. It ends earlier, at a commit, when the pool is full. When it
   * ends inside a transaction, the rest of that must be grabbed before anything is taken.
   * @param start the commit that the transaction after `from` follows, when `from` lies inside of it.
   * @returns where it ended; when that is neither `endFrame` nor a full map, the WAL changed behind SQLite's back and the map must be cleared.
   */
  grab(reader: WALReader, readAt: ReadAt, from: WALPosition, endFrame: number, start: WALPosition = from): ScanResult {
    const result = reader.scan(readAt, from, endFrame, this);
    if (result.commits > 0) this.#advance(start, result.position);
    return result;
  }

  frame(frame: number, pgno: number, commit: number, page: Uint8Array): void {
    this.#put(pgno, frame, page);
    if (commit === 0) return;
    this.#commit = commit;
    this.#minCommit = this.#minCommit === 0 ? commit : Math.min(this.#minCommit, commit);
  }

  /** The map's content; `undefined` when it is empty. The map stays as it is until {@link PageMap.clear}. */
  take(): PageMapCut | undefined {
    if (this.#range === undefined) return undefined;
    const lock = lockPage(this.pageSize);
    const pgnos = new Uint32Array(this.#count);
    let count = 0;
    for (const pgno of this.#keys) {
      if (pgno !== 0 && pgno <= this.#commit && pgno !== lock) pgnos[count++] = pgno;
    }
    return { pgnos: pgnos.slice(0, count).sort(), commit: this.#commit, minCommit: this.#minCommit, range: this.#range };
  }

  /**
   * Pages in (`floor`, commit] that the map does not hold. SQLite grows a database without writing every new page (free pages
   * have no frame), but a file whose commit is larger must hold them all.
   * @param floor size of the previous state, or the smallest size since then when that is smaller.
   */
  missingAbove(floor: number): Uint32Array<ArrayBuffer> {
    const lock = lockPage(this.pageSize);
    const missing: number[] = [];
    for (let pgno = floor + 1; pgno <= this.#commit; pgno++) {
      if (pgno !== lock && this.#find(pgno) < 0) missing.push(pgno);
    }
    return Uint32Array.from(missing);
  }

  has(pgno: number): boolean {
    return this.#find(pgno) >= 0;
  }

  /**
   * Copies the newest version of a page to `into` at byte `at`.
   * @param readAt reads the WAL, for referenced frames.
   * @throws RangeError when the map does not hold the page.
   * @throws {@link LSError} `LS_INTERNAL` when a referenced frame is gone.
   */
  copyPage(pgno: number, into: Uint8Array, at: number, readAt: ReadAt): void {
    const index = this.#find(pgno);
    if (index < 0) throw new RangeError(`page ${pgno} is not in the map`);
    const value = this.#values[index] ?? 0;
    if (value < IN_WAL) {
      into.set(this.#slot(value), at);
      return;
    }
    const position = frameEnd(value - IN_WAL - 1, this.pageSize) + WAL_FRAME_HEADER_SIZE;
    if (readAt(into.subarray(at, at + this.pageSize), position) !== this.pageSize) {
      throw new LSError("LS_INTERNAL", `page ${pgno} is gone from the WAL although a read mark holds it`);
    }
  }

  /** Forgets everything: after its cut is durable, or when the WAL cannot be trusted. */
  clear(): void {
    this.#slabs.length = Math.min(this.#slabs.length, RETAINED_SLABS);
    this.#slots = 0;
    if (this.#keys.length > 16 * MIN_TABLE && this.#count < this.#keys.length / 16) {
      this.#keys = new Uint32Array(MIN_TABLE);
      this.#values = new Uint32Array(MIN_TABLE);
    } else {
      this.#keys.fill(0);
    }
    this.#count = 0;
    this.#spilled = 0;
    this.#commit = 0;
    this.#minCommit = 0;
    this.#range = undefined;
  }

  #advance(from: WALPosition, to: WALPosition): void {
    const { salt1, salt2, pageSize } = to;
    const range = this.#range;
    const continues = range !== undefined && range.salt1 === salt1 && range.salt2 === salt2 && range.endFrame === from.frame;
    this.#range = { salt1, salt2, pageSize, startFrame: continues ? range.startFrame : from.frame, endFrame: to.frame };
  }

  #put(pgno: number, frame: number, page: Uint8Array): void {
    let index = this.#find(pgno);
    if (index < 0) {
      // Kept at most half full: probes stay short.
      if ((this.#count + 1) * 2 > this.#keys.length) this.#grow();
      index = -1 - this.#find(pgno);
      this.#keys[index] = pgno;
      this.#count++;
      if (this.#slots < this.#maxSlots) {
        this.#values[index] = this.#slots;
        this.#slot(this.#slots++).set(page);
      } else {
        this.#values[index] = IN_WAL + frame;
        this.#spilled++;
      }
      return;
    }
    const value = this.#values[index] ?? 0;
    if (value < IN_WAL) this.#slot(value).set(page);
    else this.#values[index] = IN_WAL + frame;
  }

  #slot(slot: number): Uint8Array {
    const slab = Math.floor(slot / this.#pagesPerSlab);
    let bytes = this.#slabs[slab];
    if (bytes === undefined) {
      bytes = new Uint8Array(this.#pagesPerSlab * this.pageSize);
      this.#slabs[slab] = bytes;
    }
    const at = (slot % this.#pagesPerSlab) * this.pageSize;
    return bytes.subarray(at, at + this.pageSize);
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
