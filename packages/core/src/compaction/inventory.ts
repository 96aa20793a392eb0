import type { TXID } from "@ls/ltx";
import { ALL_LEVELS, SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import { compareFiles, FileList, type ReadonlyFileList } from "./file-list.js";

/** The files of a destination as planners read them. */
export interface Listing {
  level(level: number): ReadonlyFileList;
  /** Highest TXID of one level; 0n = the level is empty. */
  maxTXID(level: number): TXID;
  /** What level 9 holds from TXID 1 on, by the TXID it ends at, lowest first. */
  readonly snapshots: readonly LTXFileInfo[];
}

const NO_FILES: ReadonlyFileList = new FileList(0, []);

interface Level {
  readonly level: number;
  readonly files: FileList;
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
  /** If they are known: planners ask for them many times at every cut. */
  #snapshots: readonly LTXFileInfo[] | undefined;

  constructor(files: readonly LTXFileInfo[] = []) {
    for (const level of ALL_LEVELS) {
      const its = files.filter((file) => file.level === level);
      if (its.length > 0) this.#begin(level, its.sort(compareFiles));
    }
  }

  level(level: number): ReadonlyFileList {
    return this.#find(level)?.files ?? NO_FILES;
  }

  maxTXID(level: number): TXID {
    const known = this.#find(level);
    if (known === undefined) return 0n;
    known.highest ??= known.files.highestTXID();
    return known.highest;
  }

  get snapshots(): readonly LTXFileInfo[] {
    // All begin at 1, so they are in the order of their ends.
    this.#snapshots ??= [...this.level(SNAPSHOT_LEVEL)].filter((file) => file.minTXID === 1n);
    return this.#snapshots;
  }

  /** Every file, in no particular order. */
  all(): readonly LTXFileInfo[] {
    return this.#levels.flatMap(({ files }) => [...files]);
  }

  /** A file is there now; one of the same name is replaced. */
  add(file: LTXFileInfo): void {
    if (file.level === SNAPSHOT_LEVEL) this.#snapshots = undefined;
    const known = this.#find(file.level);
    if (known === undefined) {
      if (ALL_LEVELS.includes(file.level)) this.#begin(file.level, [file]);
      return;
    }
    known.files.add(file);
    if (known.highest !== undefined && file.maxTXID > known.highest) known.highest = file.maxTXID;
  }

  /** A file is gone. */
  remove(ref: LTXFileRef): void {
    if (ref.level === SNAPSHOT_LEVEL) this.#snapshots = undefined;
    const known = this.#find(ref.level);
    if (known === undefined) return;
    if (known.files.remove(ref) && known.highest === ref.maxTXID) known.highest = undefined;
  }

  /** Copies are no larger than what they hold; what grows by pushing is. */
  #begin(level: number, files: readonly LTXFileInfo[]): void {
    this.#levels = [...this.#levels, { level, files: new FileList(level, files), highest: undefined }];
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
  return listing.snapshots.filter(isUsable);
}
