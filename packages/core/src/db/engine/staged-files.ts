import { closeSync, openSync } from "node:fs";
import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, type TXID } from "@ls/ltx";
import { readFully } from "../../sqlite/borrowed-files.js";
import { attempt } from "../meta/atomic-file.js";
import type { MetaDirectory, StagedEntry } from "../meta/meta-directory.js";
import type { StagedFile } from "../protocol.js";
import { StagedQueue } from "../staged-queue.js";

/** Which acknowledged files nothing needs. */
export interface PruneBounds {
  /** TXID of the saved page table: what is newer brings a lost one up to date. */
  readonly savedTXID: TXID;
  /** What is newer stays for the next merge into level 1 … */
  readonly releasedTXID: TXID;
  /** … as far as acknowledged files take no more than this. */
  readonly maxBytes: number;
}

/** Files deleted at a time: each costs two calls into the system, and the thread has other things to do. */
const PRUNE_FILES = 256;

/** The level-0 files in the meta directory, and which of them the destination holds. */
export class StagedFiles {
  readonly #meta: MetaDirectory;
  #acknowledgedTXID: TXID = 0n;
  /** Files that the destination holds, and (all newer) those that it does not hold. */
  #acknowledged = new StagedQueue();
  #waiting = new StagedQueue();

  constructor(meta: MetaDirectory) {
    this.#meta = meta;
    this.reload();
  }

  /** Looks at the directory again: a file in it was replaced, or is gone. */
  reload(): void {
    this.#sort(this.#meta.listStaged().map(describe));
  }

  get newest(): StagedFile | undefined {
    return this.#waiting.last ?? this.#acknowledged.last;
  }

  /** First TXID of the unbroken run that ends at the newest file. */
  get runStart(): TXID | undefined {
    const files = this.#all();
    let start = files.at(-1)?.txid;
    for (let i = files.length - 2; i >= 0 && start !== undefined; i--) {
      const txid = files[i]?.txid;
      if (txid !== start - 1n) break;
      start = txid;
    }
    return start;
  }

  /** Files that the destination does not hold, oldest first. */
  get unacknowledged(): readonly StagedFile[] {
    return this.#waiting.toArray();
  }

  /** Sizes of all files above a TXID together. */
  bytesAbove(txid: TXID): number {
    return this.#all().reduce((sum, file) => (file.txid > txid ? sum + file.size : sum), 0);
  }

  /** Highest TXID that the destination is known to hold. */
  get acknowledgedTXID(): TXID {
    return this.#acknowledgedTXID;
  }

  get unacknowledgedBytes(): number {
    return this.#waiting.bytes;
  }

  /** Path of one local file, `undefined` when there is none. */
  path(txid: TXID): string | undefined {
    return (this.#waiting.find(txid) ?? this.#acknowledged.find(txid))?.path;
  }

  /** A durable new file, newer than all others. */
  add(file: StagedFile): void {
    (file.txid > this.#acknowledgedTXID ? this.#waiting : this.#acknowledged).push(file);
  }

  acknowledge(txid: TXID): void {
    if (txid <= this.#acknowledgedTXID) return;
    this.#acknowledgedTXID = txid;
    for (let file = this.#waiting.first; file !== undefined && file.txid <= txid; file = this.#waiting.first) {
      this.#acknowledged.push(file);
      this.#waiting.shift();
    }
  }

  /**
   * Deletes what nothing needs, a number of files at a time; never the newest, because upstream reads its position there.
   * @returns whether there was any.
   */
  prune({ savedTXID, releasedTXID, maxBytes }: PruneBounds): boolean {
    const { newest } = this;
    for (let count = 0; count < PRUNE_FILES; count++) {
      const file = this.#acknowledged.first;
      if (file === undefined || file.txid > savedTXID || file === newest) return count > 0;
      if (file.txid > releasedTXID && this.#acknowledged.bytes <= maxBytes) return count > 0;
      // Order matters (below too): a file that cannot be deleted stays listed.
      this.#meta.removeStaged(file.txid);
      this.#acknowledged.shift();
    }
    return true;
  }

  /** Deletes files that are of no use. */
  discard(txids: readonly TXID[]): void {
    const condemned = new Set(txids);
    for (const txid of condemned) this.#meta.removeStaged(txid);
    this.#sort(this.#all().filter((file) => !condemned.has(file.txid)));
  }

  /** Deletes every file. The newest goes last, so that one that is killed meanwhile leaves the same position, or none. */
  removeAll(): void {
    for (const queue of [this.#acknowledged, this.#waiting]) {
      for (let file = queue.first; file !== undefined; file = queue.first) {
        this.#meta.removeStaged(file.txid);
        queue.shift();
      }
    }
    this.#acknowledgedTXID = 0n;
  }

  /** Deletes files above a TXID: the destination continues differently, or they are damaged. */
  removeAbove(txid: TXID): void {
    for (const queue of [this.#waiting, this.#acknowledged]) {
      for (let file = queue.last; file !== undefined && file.txid > txid; file = queue.last) {
        this.#meta.removeStaged(file.txid);
        queue.pop();
      }
    }
    if (this.#acknowledgedTXID > txid) this.#acknowledgedTXID = txid;
  }

  #all(): StagedFile[] {
    return [...this.#acknowledged.toArray(), ...this.#waiting.toArray()];
  }

  #sort(files: readonly StagedFile[]): void {
    this.#acknowledged = new StagedQueue();
    this.#waiting = new StagedQueue();
    for (const file of files) this.add(file);
  }
}

/** A file that an earlier run left; its commits were made before its header's time at the latest. */
function describe({ txid, path, size, timeMs }: StagedEntry): StagedFile {
  const timestampMs = readTimestamp(path) ?? timeMs;
  return { txid, path, size, timestampMs, oldestCommitMs: timestampMs };
}

function readTimestamp(path: string): number | undefined {
  const bytes = new Uint8Array(LTX_HEADER_SIZE);
  const fd = attempt("open", path, () => openSync(path, "r"));
  try {
    return readFully(fd, bytes, 0) < LTX_HEADER_SIZE ? undefined : decodeLTXHeader(bytes).timestampMs;
  } catch (error) {
    // A damaged file is found when it is verified or uploaded.
    if (isLTXError(error)) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}
