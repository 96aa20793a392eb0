import type { ReadMark } from "../../sqlite/read-mark.js";

/**
 * The hand-over of read marks. One keeper connection is always in a read transaction: frames after its mark cannot be
 * copied into the database file, and the WAL cannot restart unless everything in it was in the file when the mark was taken.
 *
 * The rule that makes it loss-free: **every frame up to the current mark is grabbed before the mark moves.** The new mark is
 * taken before the old one is released. If everything is in the file by then, the new mark is READ0: the next writer restarts
 * the WAL (salt-1 grows by one), and that generation in turn cannot be copied, hence not restarted, until the mark moves again.
 */
export class ReadMarks {
  #current: ReadMark;
  #other: ReadMark;

  /** Takes the first mark. */
  constructor([first, second]: readonly [ReadMark, ReadMark]) {
    this.#current = first;
    this.#other = second;
    first.begin();
  }

  /** The connection that holds the mark. */
  get current(): ReadMark {
    return this.#current;
  }

  /** Takes a mark at the newest commit and releases the old one. */
  move(): void {
    this.#other.begin();
    this.#current.end();
    [this.#current, this.#other] = [this.#other, this.#current];
  }
}
