import type { TXID } from "@ls/ltx";
import { bytesOf } from "../bytes-of.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";

/**
 * Which files rebuild the database at a point.
 *
 * A chain starts with a file whose first transaction is 1 (it holds every page), and each next file continues or overlaps
 * what is there: minTXID <= reached + 1 and maxTXID > reached. Overlap is harmless: a file holds, for every page that its range changed,
 * the content at its last transaction, so pages that only the overlapped part changed are written again with what they have already.
 *
 * Files are edges between TXIDs. Sorted by their end, every predecessor comes before its successors, so one pass finds whether an end
 * can be reached at all, and by which chain most cheaply. Nothing is assumed about levels or about how files nest.
 */

/** Where to restore to. */
export type RestoreTarget =
  | { readonly kind: "latest" }
  | { readonly kind: "txid"; readonly txid: TXID }
  /** The newest state whose time is not after this one, ms since the epoch. */
  | { readonly kind: "timestamp"; readonly timestampMs: number };

/** A state that can be restored. */
export interface RestorePoint {
  readonly txid: TXID;
  /** The time of that TXID: the smallest among the files that end there. */
  readonly timestamp: Date;
}

export interface RestorePlan extends RestorePoint {
  /** In the order of application: oldest first. */
  readonly files: readonly LTXFileInfo[];
  /** Sum of the files' sizes in bytes. */
  readonly bytes: number;
}

/** What can be restored instead. */
export interface AvailablePoints {
  readonly earliest: RestorePoint | undefined;
  readonly latest: RestorePoint | undefined;
  /** Nearest below what was asked for. */
  readonly before: RestorePoint | undefined;
  /** Nearest above what was asked for. */
  readonly after: RestorePoint | undefined;
}

export interface TXIDRange {
  readonly minTXID: TXID;
  readonly maxTXID: TXID;
}

export interface PlanFailure {
  readonly reason: /** There are no files. */
    | "empty"
    /** There are files, but none starts at TXID 1. */
    | "no-start"
    /** No restorable state is the one asked for. */
    | "not-available"
    /** TXIDs are missing between what can be reached and files that exist. */
    | "gap";
  readonly available: AvailablePoints;
  /** With "gap": the TXIDs that no usable file holds. */
  readonly missing?: TXIDRange | undefined;
}

export type PlanResult = { readonly plan: RestorePlan } | { readonly failure: PlanFailure };

/** What opening one more file costs, in bytes read: keeps a plan from taking many small files where one larger file does. */
const FILE_COST = 64 * 1024;

const NONE: ReadonlySet<string> = new Set();

/** What tells one file of a replica from another: level and TXIDs. */
export function fileKey(file: LTXFileRef): string {
  return `${file.level}/${file.minTXID}-${file.maxTXID}`;
}

/**
 * Plans a restore from any list of files, in any order; duplicates and overlaps are welcome.
 * @param unusable keys of files that may not be part of a plan, because they are damaged. They still count as states that once were:
 * a plan for the latest or for a time never passes over one in silence.
 */
export function planRestore(files: readonly LTXFileInfo[], target: RestoreTarget, unusable: ReadonlySet<string> = NONE): PlanResult {
  const chains = new Chains(files, unusable);
  const wanted = chains.find(target);
  if (typeof wanted === "bigint") return { plan: chains.plan(wanted) };
  return { failure: wanted };
}

class Chains {
  /** Every distinct maxTXID, ascending, and its smallest time. */
  readonly #ends: readonly TXID[];
  readonly #times: Map<TXID, number> = new Map();
  /** The last file of the cheapest chain to each end of `#ends`; undefined where none leads. */
  readonly #last: (LTXFileInfo | undefined)[];
  readonly #cheapest: CheapestInRange;
  readonly #listed: readonly LTXFileInfo[];
  /** The usable ones. */
  readonly #files: readonly LTXFileInfo[];
  readonly points: readonly RestorePoint[];

  constructor(files: readonly LTXFileInfo[], unusable: ReadonlySet<string>) {
    this.#listed = [...files].sort((a, b) => compare(a.maxTXID, b.maxTXID) || compare(a.minTXID, b.minTXID));
    this.#files = unusable.size === 0 ? this.#listed : this.#listed.filter((file) => !unusable.has(fileKey(file)));
    const ends: TXID[] = [];
    for (const file of this.#listed) {
      const time = file.createdAt.getTime();
      const known = this.#times.get(file.maxTXID);
      if (known === undefined) ends.push(file.maxTXID);
      if (known === undefined || time < known) this.#times.set(file.maxTXID, time);
    }
    this.#ends = ends;
    this.#last = new Array<LTXFileInfo | undefined>(ends.length).fill(undefined);
    this.#cheapest = new CheapestInRange(ends.length);

    let end = 0;
    for (const file of this.#files) {
      while (ends[end] !== file.maxTXID) end++;
      const before = file.minTXID === 1n ? 0 : this.#costBefore(file, end);
      if (before === Number.POSITIVE_INFINITY) continue;
      const cost = before + file.size + FILE_COST;
      if (cost < this.#cheapest.cost(end)) {
        this.#cheapest.set(end, cost);
        this.#last[end] = file;
      }
    }
    this.points = ends.flatMap((txid, i) => (this.#last[i] === undefined ? [] : [{ txid, timestamp: this.#time(txid) }]));
  }

  /** The TXID that satisfies the target, or why there is none. */
  find(target: RestoreTarget): TXID | PlanFailure {
    const newest = this.#ends.at(-1);
    if (newest === undefined) return { reason: "empty", available: this.#available(() => false) };
    if (this.points.length === 0) return { reason: "no-start", available: this.#available(() => false) };
    switch (target.kind) {
      case "latest":
        return this.#exactly(newest);
      case "txid":
        return this.#exactly(target.txid);
      case "timestamp":
        return this.#atTime(target.timestampMs);
    }
  }

  plan(txid: TXID): RestorePlan {
    const files: LTXFileInfo[] = [];
    for (let end = lowerBound(this.#ends, txid); ; ) {
      const file = this.#last[end];
      if (file === undefined) throw new RangeError(`no chain leads to TXID ${txid}`);
      files.push(file);
      if (file.minTXID === 1n) break;
      end = this.#cheapest.find(lowerBound(this.#ends, file.minTXID - 1n), end);
    }
    files.reverse();
    return { files, txid, timestamp: this.#time(txid), bytes: bytesOf(files) };
  }

  #exactly(txid: TXID): TXID | PlanFailure {
    if (this.points.some((point) => point.txid === txid)) return txid;
    const available = this.#available((point) => point.txid < txid);
    if (!this.#times.has(txid)) return { reason: "not-available", available };
    // Longer files are of no use for this point.
    const parts = this.#files.filter((file) => file.maxTXID <= txid);
    return { reason: "gap", available, missing: firstHole(parts, available.before?.txid ?? 0n, txid) };
  }

  #atTime(timestampMs: number): TXID | PlanFailure {
    const inTime = (point: RestorePoint): boolean => point.timestamp.getTime() <= timestampMs;
    const newest = this.points.findLast(inTime);
    if (newest === undefined) return { reason: "not-available", available: this.#available(inTime) };
    const available = this.#available((point) => point.txid <= newest.txid);
    // What follows directly is nowhere, and something later is: the state at that moment may have been lost. Damaged files count as being there;
    // their times tell that their transactions came after the moment asked for.
    const next = firstHole(this.#listed, newest.txid, this.#ends.at(-1) ?? newest.txid);
    if (next?.minTXID === newest.txid + 1n) return { reason: "gap", available, missing: next };
    // A later state that is in time but out of reach: only damage, or a clock that went back, leads here.
    const lost = this.#ends.findLast((txid) => txid > newest.txid && (this.#times.get(txid) ?? 0) <= timestampMs);
    const missing = lost === undefined ? undefined : firstHole(this.#files, newest.txid, lost);
    return missing === undefined ? newest.txid : { reason: "gap", available, missing };
  }

  #available(isBefore: (point: RestorePoint) => boolean): AvailablePoints {
    return {
      earliest: this.points[0],
      latest: this.points.at(-1),
      before: this.points.findLast(isBefore),
      after: this.points.find((point) => !isBefore(point)),
    };
  }

  #costBefore(file: LTXFileInfo, end: number): number {
    return this.#cheapest.cost(this.#cheapest.find(lowerBound(this.#ends, file.minTXID - 1n), end));
  }

  #time(txid: TXID): Date {
    return new Date(this.#times.get(txid) ?? Number.NaN);
  }
}

/** A segment tree over the ends: which of a range is reached most cheaply, in logarithmic time. */
class CheapestInRange {
  readonly #length: number;
  readonly #costs: Float64Array;
  /** Node n has the children 2n and 2n+1; leaf i is node length + i. Each holds the index of the cheapest leaf below. */
  readonly #best: Int32Array;

  constructor(length: number) {
    this.#length = length;
    this.#costs = new Float64Array(length).fill(Number.POSITIVE_INFINITY);
    this.#best = new Int32Array(2 * length);
    for (let node = 2 * length - 1; node > 0; node--) this.#best[node] = node >= length ? node - length : this.#cheaper(2 * node, 2 * node + 1);
  }

  /** Infinity for an end that is not reached, and for -1. */
  cost(index: number): number {
    return this.#costs[index] ?? Number.POSITIVE_INFINITY;
  }

  set(index: number, cost: number): void {
    this.#costs[index] = cost;
    for (let node = (index + this.#length) >> 1; node > 0; node >>= 1) this.#best[node] = this.#cheaper(2 * node, 2 * node + 1);
  }

  /** Index of the cheapest in from … to-1; -1 when that range is empty. */
  find(from: number, to: number): number {
    let best = -1;
    for (let low = from + this.#length, high = to + this.#length; low < high; low >>= 1, high >>= 1) {
      if (low & 1) best = this.#cheaperOf(best, this.#best[low++] ?? -1);
      if (high & 1) best = this.#cheaperOf(best, this.#best[--high] ?? -1);
    }
    return best;
  }

  #cheaper(left: number, right: number): number {
    return this.#cheaperOf(this.#best[left] ?? -1, this.#best[right] ?? -1);
  }

  #cheaperOf(a: number, b: number): number {
    return this.cost(b) < this.cost(a) ? b : a;
  }
}

/** The first TXIDs in above+1 … until that no file holds. */
function firstHole(files: readonly LTXFileInfo[], above: TXID, until: TXID): TXIDRange | undefined {
  let covered = above;
  for (const file of [...files].sort((a, b) => compare(a.minTXID, b.minTXID))) {
    if (covered >= until) return undefined;
    if (file.minTXID > covered + 1n) return { minTXID: covered + 1n, maxTXID: file.minTXID - 1n < until ? file.minTXID - 1n : until };
    if (file.maxTXID > covered) covered = file.maxTXID;
  }
  return covered < until ? { minTXID: covered + 1n, maxTXID: until } : undefined;
}

function compare(a: TXID, b: TXID): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Index of the first element that is not below `value`. */
function lowerBound(sorted: readonly TXID[], value: TXID): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? value) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
