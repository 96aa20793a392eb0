import type { TXID } from "@ls/ltx";
import { ALL_LEVELS, SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";

/** The files of a destination as planners read them. */
export interface Listing {
  /** The files of one level, ordered by (minTXID, maxTXID). */
  level(level: number): readonly LTXFileInfo[];
  /** Highest TXID of one level; 0n = the level is empty. */
  maxTXID(level: number): TXID;
}

const NO_FILES: readonly LTXFileInfo[] = [];

/**
 * What a destination holds, by level: listed once, and then kept current by what this process writes and deletes there. So nobody has to list
 * again to know what there is to do.
 */
export class Inventory implements Listing {
  readonly #levels: LTXFileInfo[][] = ALL_LEVELS.map(() => []);
  /** Known highest TXIDs; planners ask for them at every cut, and levels may hold thousands of files. */
  readonly #highest: (TXID | undefined)[] = [];

  constructor(files: Iterable<LTXFileInfo> = NO_FILES) {
    for (const file of files) this.#levels[file.level]?.push(file);
    for (const level of this.#levels) level.sort(compareFiles);
  }

  level(level: number): readonly LTXFileInfo[] {
    return this.#levels[level] ?? NO_FILES;
  }

  maxTXID(level: number): TXID {
    const highest = this.#highest[level] ?? highestTXID(this.level(level));
    this.#highest[level] = highest;
    return highest;
  }

  /** Every file, in no particular order. */
  all(): readonly LTXFileInfo[] {
    return this.#levels.flat();
  }

  /** A file is there now; one of the same name is replaced. */
  add(file: LTXFileInfo): void {
    const files = this.#levels[file.level];
    if (files === undefined) return;
    const at = insertionPoint(files, file);
    const isThere = files[at] !== undefined && compareFiles(files[at], file) === 0;
    files.splice(at, isThere ? 1 : 0, file);
    const highest = this.#highest[file.level];
    if (highest !== undefined && file.maxTXID > highest) this.#highest[file.level] = file.maxTXID;
  }

  /** A file is gone. */
  remove(ref: LTXFileRef): void {
    const files = this.#levels[ref.level];
    if (files === undefined) return;
    const at = insertionPoint(files, ref);
    if (files[at] === undefined || compareFiles(files[at], ref) !== 0) return;
    files.splice(at, 1);
    if (this.#highest[ref.level] === ref.maxTXID) this.#highest[ref.level] = undefined;
  }

  /** One level was listed anew. */
  replaceLevel(level: number, files: readonly LTXFileInfo[]): void {
    if (!(level in this.#levels)) return;
    this.#levels[level] = [...files].sort(compareFiles);
    this.#highest[level] = undefined;
  }
}

/** Highest TXID of all levels; 0n = nothing there. */
export function newestTXID(listing: Listing): TXID {
  let highest = 0n;
  for (const level of ALL_LEVELS) {
    const max = listing.maxTXID(level);
    if (max > highest) highest = max;
  }
  return highest;
}

/** The snapshots that can be relied on, by the TXID they end at, lowest first. */
export function usableSnapshots(listing: Listing, isUsable: (file: LTXFileRef) => boolean): readonly LTXFileInfo[] {
  return listing
    .level(SNAPSHOT_LEVEL)
    .filter((file) => file.minTXID === 1n && isUsable(file))
    .sort((a, b) => compareTXID(a.maxTXID, b.maxTXID));
}

/** By (minTXID, maxTXID). */
export function compareFiles(a: LTXFileRef, b: LTXFileRef): number {
  return compareTXID(a.minTXID, b.minTXID) || compareTXID(a.maxTXID, b.maxTXID);
}

function highestTXID(files: readonly LTXFileInfo[]): TXID {
  let highest = 0n;
  for (const { maxTXID } of files) if (maxTXID > highest) highest = maxTXID;
  return highest;
}

function compareTXID(a: TXID, b: TXID): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function insertionPoint(files: readonly LTXFileRef[], file: LTXFileRef): number {
  let low = 0;
  let high = files.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = files[middle];
    if (at !== undefined && compareFiles(at, file) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
