import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, LTX_TRAILER_SIZE, type TXID } from "@ls/ltx";
import { isLSError } from "../errors.js";
import { SNAPSHOT_LEVEL } from "../levels.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { inOrder } from "./in-order.js";
import { fillRange } from "./range-reader.js";

/** Headers read at a time; and into so many parts the files are divided by one round of a search. */
const READS = 32;

interface TimedFile {
  readonly file: LTXFileInfo;
  state: "unread" | "read" | "gone";
  /** Undefined also for one that was read and is too damaged to have a time. */
  timeMs: number | undefined;
}

/** Files that end at one TXID. */
type End = readonly TimedFile[];

/**
 * The times of files in a service that does not list them, from their headers: one request for each that is looked at, so as few are as will do. The
 * listing's own times do not help: they are those of the upload, which say nothing after a copy.
 *
 * Times rise with the TXIDs where the files end, so the place of a moment is searched for. That holds among snapshots, which have the time at which
 * they were made, and among all others, which have that of their last transaction. Where what is read contradicts it (a clock went back), every file
 * of the group is read.
 */
export class FileTimes {
  readonly #client: ReplicaClient;
  readonly #signal: AbortSignal | undefined;
  readonly #groups: readonly (readonly End[])[];

  constructor(client: ReplicaClient, files: readonly LTXFileInfo[], signal: AbortSignal | undefined) {
    this.#client = client;
    this.#signal = signal;
    this.#groups = [endsOf(files.filter(({ level }) => level !== SNAPSHOT_LEVEL)), endsOf(files.filter(({ level }) => level === SNAPSHOT_LEVEL))];
  }

  /** Reads until it is known of every file whether it is from after that time. */
  async search(timestampMs: number): Promise<void> {
    await Promise.all(this.#groups.map((ends) => this.#search(ends, timestampMs)));
  }

  /** Reads the times of all files that end at these TXIDs. @returns whether one was unread. */
  async read(txids: readonly TXID[]): Promise<boolean> {
    const wanted = new Set(txids);
    const ends = this.#groups.flat().filter((end) => end.some(({ file, state }) => state === "unread" && wanted.has(file.maxTXID)));
    await this.#readEnds(ends);
    return ends.length > 0;
  }

  /** The files that are there, each with its time, or with one on the same side of the moment searched for. */
  get files(): LTXFileInfo[] {
    return this.#groups.flatMap((ends) => {
      let passed = ends.map(timeOf).find((timeMs) => timeMs !== undefined);
      return ends.flatMap((end) => {
        passed = timeOf(end) ?? passed;
        return end
          .filter(({ state }) => state !== "gone")
          .map(({ file, timeMs = passed }) => (timeMs === undefined ? file : { ...file, createdAt: new Date(timeMs) }));
      });
    });
  }

  async #search(ends: readonly End[], timestampMs: number): Promise<void> {
    let from = 0;
    let to = ends.length;
    for (;;) {
      const unread = ends.slice(from, to).filter(isUnread);
      if (unread.length === 0) return;
      await this.#readEnds(spread(unread, READS));
      const times = ends.map(timeOf);
      if (!isRising(times)) return this.#readEnds(ends);
      from = times.findLastIndex((timeMs) => timeMs !== undefined && timeMs <= timestampMs) + 1;
      const late = times.findIndex((timeMs) => timeMs !== undefined && timeMs > timestampMs);
      to = late === -1 ? ends.length : late;
    }
  }

  async #readEnds(ends: readonly End[]): Promise<void> {
    const unread = ends.flat().filter(({ state }) => state === "unread");
    for await (const _ of inOrder(unread, { count: READS }, (one, signal) => this.#read(one, signal), this.#signal));
  }

  async #read(one: TimedFile, signal: AbortSignal): Promise<void> {
    const { file } = one;
    try {
      one.timeMs = file.size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE ? undefined : await this.#headerTime(file, signal);
      one.state = "read";
    } catch (error) {
      if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) one.state = "gone";
      // Whoever reads the whole of it tells what is wrong with it.
      else if (isLTXError(error) || isLSError(error, "LS_LTX_CORRUPTED")) one.state = "read";
      else throw error;
    }
  }

  async #headerTime(file: LTXFileInfo, signal: AbortSignal): Promise<number> {
    const header = new Uint8Array(LTX_HEADER_SIZE);
    await fillRange(this.#client, { file, offset: 0, size: header.length }, header, signal);
    return decodeLTXHeader(header).timestampMs;
  }
}

function endsOf(files: readonly LTXFileInfo[]): End[] {
  const ends = new Map<TXID, TimedFile[]>();
  for (const file of files) {
    const one: TimedFile = { file, state: "unread", timeMs: undefined };
    const end = ends.get(file.maxTXID);
    if (end === undefined) ends.set(file.maxTXID, [one]);
    else end.push(one);
  }
  return [...ends].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, end]) => end);
}

/** As the time of a TXID is: the smallest of the files that end there. */
function timeOf(end: End): number | undefined {
  const times = end.flatMap(({ timeMs }) => (timeMs === undefined ? [] : [timeMs]));
  return times.length === 0 ? undefined : Math.min(...times);
}

function isUnread(end: End): boolean {
  return end.some(({ state }) => state === "unread");
}

function isRising(times: readonly (number | undefined)[]): boolean {
  const known = times.filter((timeMs) => timeMs !== undefined);
  return known.every((timeMs, i) => i === 0 || timeMs >= (known[i - 1] ?? timeMs));
}

/** First, last and evenly between: at most so many. */
function spread<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]).filter((item) => item !== undefined);
}
