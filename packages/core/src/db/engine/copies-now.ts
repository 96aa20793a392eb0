import { CopyWatch, type SQLiteCopy } from "../../sqlite/loaded-copies.js";

/** A look is worth this long, for all databases of the thread. */
const FRESH_MS = 900;

const watch = new CopyWatch();
let copies: readonly SQLiteCopy[] = [];
let lookedAt = Number.NEGATIVE_INFINITY;

/** The SQLite copies in this process, as of a second ago at most. */
export function copiesNow(now: number): readonly SQLiteCopy[] {
  if (now - lookedAt >= FRESH_MS) {
    lookedAt = now;
    copies = watch.changed() ?? copies;
  }
  return copies;
}
