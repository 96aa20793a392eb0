import type { TXID } from "@ls/ltx";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";

/** Numbers that stand for a file: both TXIDs in two halves, since no double holds all of one, its size, and its time in ms. */
const WIDTH = 6;
const MAX_HIGH = 2;
const SIZE = 4;
const TIME = 5;
const LOW_BITS = 32n;
const LOW_MASK = 0xffff_ffffn;

/**
 * Files of one level, ordered by (minTXID, maxTXID). They are kept as numbers in a row, and objects made of those that somebody looks at: of a
 * destination that is kept for weeks thousands of files are known, times a thousand databases, and as objects, each with a date and two `bigint`s, they
 * would take five times as much memory.
 */
export class FileList implements Iterable<LTXFileInfo> {
  readonly #level: number;
  readonly #numbers: number[];

  /** @param files of that level, in this order. */
  constructor(level: number, files: readonly LTXFileInfo[]) {
    this.#level = level;
    this.#numbers = files.flatMap(numbersOf);
  }

  get length(): number {
    return this.#numbers.length / WIDTH;
  }

  /** The file at a place; negative ones count from the end. `undefined` = there is none. */
  at(place: number): LTXFileInfo | undefined {
    const from = place < 0 ? place + this.length : place;
    return from < 0 || from >= this.length ? undefined : this.#fileAt(from * WIDTH);
  }

  *[Symbol.iterator](): Generator<LTXFileInfo, void, undefined> {
    for (let place = 0; place < this.length; place++) yield this.#fileAt(place * WIDTH);
  }

  /** The files that end above a TXID, as far as they follow one another at the end of the list. */
  endingAbove(txid: TXID): LTXFileInfo[] {
    let from = this.length;
    while (from > 0 && this.#maxTXIDAt((from - 1) * WIDTH) > txid) from--;
    const files: LTXFileInfo[] = [];
    for (let place = from; place < this.length; place++) files.push(this.#fileAt(place * WIDTH));
    return files;
  }

  /** Highest TXID that a file ends at; 0n = there is none. */
  highestTXID(): TXID {
    let highest = 0n;
    for (let at = 0; at < this.#numbers.length; at += WIDTH) {
      const txid = this.#maxTXIDAt(at);
      if (txid > highest) highest = txid;
    }
    return highest;
  }

  /** Puts a file in its place; one of the same name is replaced. */
  add(file: LTXFileInfo): void {
    const at = this.#find(file);
    this.#numbers.splice(at, this.#isAt(at, file) ? WIDTH : 0, ...numbersOf(file));
  }

  /** @returns whether it was there. */
  remove(ref: LTXFileRef): boolean {
    const at = this.#find(ref);
    if (!this.#isAt(at, ref)) return false;
    this.#numbers.splice(at, WIDTH);
    return true;
  }

  #fileAt(at: number): LTXFileInfo {
    return {
      level: this.#level,
      minTXID: this.#minTXIDAt(at),
      maxTXID: this.#maxTXIDAt(at),
      size: this.#number(at + SIZE),
      createdAt: new Date(this.#number(at + TIME)),
    };
  }

  #minTXIDAt(at: number): TXID {
    return joined(this.#number(at), this.#number(at + 1));
  }

  #maxTXIDAt(at: number): TXID {
    return joined(this.#number(at + MAX_HIGH), this.#number(at + MAX_HIGH + 1));
  }

  #number(at: number): number {
    return this.#numbers[at] ?? 0;
  }

  /** Where the first file lies that does not come before `ref`. */
  #find(ref: LTXFileRef): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compareAt(middle * WIDTH, ref) < 0) low = middle + 1;
      else high = middle;
    }
    return low * WIDTH;
  }

  #isAt(at: number, ref: LTXFileRef): boolean {
    return at < this.#numbers.length && this.#compareAt(at, ref) === 0;
  }

  #compareAt(at: number, { minTXID, maxTXID }: LTXFileRef): number {
    return compareTXID(this.#minTXIDAt(at), minTXID) || compareTXID(this.#maxTXIDAt(at), maxTXID);
  }
}

/** One that only its owner changes. */
export type ReadonlyFileList = Omit<FileList, "add" | "remove">;

/** By (minTXID, maxTXID). */
export function compareFiles(a: LTXFileRef, b: LTXFileRef): number {
  return compareTXID(a.minTXID, b.minTXID) || compareTXID(a.maxTXID, b.maxTXID);
}

function compareTXID(a: TXID, b: TXID): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function numbersOf({ minTXID, maxTXID, size, createdAt }: LTXFileInfo): number[] {
  return [highOf(minTXID), lowOf(minTXID), highOf(maxTXID), lowOf(maxTXID), size, createdAt.getTime()];
}

function highOf(txid: TXID): number {
  return Number(txid >> LOW_BITS);
}

function lowOf(txid: TXID): number {
  return Number(txid & LOW_MASK);
}

function joined(high: number, low: number): TXID {
  return high === 0 ? BigInt(low) : (BigInt(high) << LOW_BITS) | BigInt(low);
}
