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

interface Level {
  readonly level: number;
  /** Ordered by (minTXID, maxTXID). */
  files: LTXFileInfo[];
  /** If it is known: planners ask for it at every cut, and levels may hold thousands of files. */
  highest: TXID | undefined;
}

/**
 * What a destination holds, by level: listed once, and then kept current by what this process writes and deletes there. So nobody has to list
 * again to know what there is to do.
 */
export class Inventory implements Listing {
  /** Levels that hold, or held, files. Most of thousands of inventories have two of them, with a file each. */
  #levels: readonly Level[] = [];

  constructor(files: readonly LTXFileInfo[] = NO_FILES) {
    for (const level of ALL_LEVELS) {
      const its = files.filter((file) => file.level === level);
      if (its.length > 0) this.#begin(level, its.sort(compareFiles));
    }
  }

  level(level: number): readonly LTXFileInfo[] {
    return this.#find(level)?.files ?? NO_FILES;
  }

  maxTXID(level: number): TXID {
    const known = this.#find(level);
    if (known === undefined) return 0n;
    known.highest ??= highestTXID(known.files);
    return known.highest;
  }

  /** Every file, in no particular order. */
  all(): readonly LTXFileInfo[] {
    return this.#levels.flatMap(({ files }) => files);
  }

  /** A file is there now; one of the same name is replaced. */
  add(file: LTXFileInfo): void {
    const known = this.#find(file.level);
    if (known === undefined) {
      if (ALL_LEVELS.includes(file.level)) this.#begin(file.level, [file]);
      return;
    }
    const { files, highest } = known;
    const at = insertionPoint(files, file);
    const isThere = files[at] !== undefined && compareFiles(files[at], file) === 0;
    files.splice(at, isThere ? 1 : 0, file);
    if (highest !== undefined && file.maxTXID > highest) known.highest = file.maxTXID;
  }

  /** A file is gone. */
  remove(ref: LTXFileRef): void {
    const known = this.#find(ref.level);
    if (known === undefined) return;
    const { files } = known;
    const at = insertionPoint(files, ref);
    if (files[at] === undefined || compareFiles(files[at], ref) !== 0) return;
    files.splice(at, 1);
    if (known.highest === ref.maxTXID) known.highest = undefined;
  }

  /** Copies are no larger than what they hold; what grows by pushing is. */
  #begin(level: number, files: readonly LTXFileInfo[]): void {
    this.#levels = [...this.#levels, { level, files: [...files], highest: undefined }];
  }

  #find(level: number): Level | undefined {
    return this.#levels.find((one) => one.level === level);
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
  // All begin at 1, so they are in the order of their ends.
  return listing.level(SNAPSHOT_LEVEL).filter((file) => file.minTXID === 1n && isUsable(file));
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
