import { LTXError, type LTXErrorCode } from "./error.js";
import { lockPage } from "./format.js";
import { holdsEveryPage, type LTXHeader } from "./header.js";

/**
 * The rules for the page numbers of one file: ascending, at most `commit`, never the lock page; and 1, 2, 3 … commit
 * without a gap (except the lock page) when the file's first transaction is 1.
 */
export class PageSequence {
  readonly #commit: number;
  readonly #lockPage: number;
  readonly #complete: boolean;
  readonly #code: LTXErrorCode;
  #previous = 0;
  /** Pages accepted so far. */
  count = 0;

  /** @param code what a violation is: the reader's `LTX_CORRUPTED`, or the writer's `LTX_INVALID`. */
  constructor(header: LTXHeader, code: LTXErrorCode) {
    this.#commit = header.commit;
    this.#lockPage = lockPage(header.pageSize);
    this.#complete = holdsEveryPage(header);
    this.#code = code;
  }

  /** Takes the next page number, or throws. */
  accept(pgno: number): void {
    const previous = this.#previous;
    if (pgno <= previous) this.#fail(`page ${pgno} after page ${previous}: page numbers must ascend from 1`);
    if (pgno > this.#commit) this.#fail(`page ${pgno} is beyond the database size of ${this.#commit} pages`);
    if (pgno === this.#lockPage) this.#fail(`page ${pgno} is the lock page, which has no content`);
    if (this.#complete && pgno !== previous + 1 && !(pgno === previous + 2 && pgno - 1 === this.#lockPage)) {
      this.#fail(`page ${pgno} after page ${previous}: a file that starts at transaction 1 holds every page`);
    }
    this.#previous = pgno;
    this.count++;
  }

  /** Checks that the page block may end here. */
  end(): void {
    if (!this.#complete) return;
    const last = this.#commit === this.#lockPage ? this.#commit - 1 : this.#commit;
    if (this.#previous !== last) this.#fail(`pages end at ${this.#previous} of ${last}: a file that starts at transaction 1 holds every page`);
  }

  #fail(message: string): never {
    throw new LTXError(this.#code, message);
  }
}
