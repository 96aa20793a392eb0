import { lockPage } from "@ls/ltx";
import { LSError } from "../errors.js";
import { frameEnd, WAL_FRAME_HEADER_SIZE } from "./frame.js";
import { PageIndex } from "./page-index.js";
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

/** Pages that there is room for at first. */
const FIRST_PAGES = 8;
/** Pool memory is taken in slabs, so that a small cut costs little memory. */
const SLAB_BYTES = 1024 * 1024;
/** Kept over `clear()`: a steady small load then allocates nothing. */
const RETAINED_SLABS = 4;
/** Set in an entry that names a frame of the WAL instead of a slot of the pool. */
const IN_WAL = 0x8000_0000;

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
  /** Where the newest version of a page is. */
  readonly #index = new PageIndex();
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
    return this.#index.count;
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
    const pgnos = this.#index.pages();
    let count = 0;
    for (const pgno of pgnos) if (pgno <= this.#commit && pgno !== lock) pgnos[count++] = pgno;
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
      if (pgno !== lock && !this.has(pgno)) missing.push(pgno);
    }
    return Uint32Array.from(missing);
  }

  has(pgno: number): boolean {
    return this.#index.get(pgno) >= 0;
  }

  /**
   * Copies the newest version of a page to `into` at byte `at`.
   * @param readAt reads the WAL, for referenced frames.
   * @throws RangeError when the map does not hold the page.
   * @throws {@link LSError} `LS_INTERNAL` when a referenced frame is gone.
   */
  copyPage(pgno: number, into: Uint8Array, at: number, readAt: ReadAt): void {
    const value = this.#index.get(pgno);
    if (value < 0) throw new RangeError(`page ${pgno} is not in the map`);
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
    this.#index.clear();
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
    const value = this.#index.get(pgno);
    if (value >= 0 && value < IN_WAL) {
      this.#slot(value).set(page);
    } else if (value < 0 && this.#slots < this.#maxSlots) {
      this.#index.set(pgno, this.#slots);
      this.#slot(this.#slots++).set(page);
    } else {
      if (value < 0) this.#spilled++;
      this.#index.set(pgno, IN_WAL + frame);
    }
  }

  #slot(slot: number): Uint8Array {
    const slab = Math.floor(slot / this.#pagesPerSlab);
    const at = (slot % this.#pagesPerSlab) * this.pageSize;
    let bytes = this.#slabs[slab];
    if (bytes === undefined || bytes.length < at + this.pageSize) {
      // Only the first one grows: most cuts are of a few pages, and all others have many.
      const pages = slab > 0 ? this.#pagesPerSlab : Math.min(this.#pagesPerSlab, Math.max(FIRST_PAGES, (slot + 1) * 4));
      const larger = new Uint8Array(pages * this.pageSize);
      if (bytes !== undefined) larger.set(bytes);
      bytes = larger;
      this.#slabs[slab] = bytes;
    }
    return bytes.subarray(at, at + this.pageSize);
  }
}
