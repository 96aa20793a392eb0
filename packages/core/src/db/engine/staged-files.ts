import { closeSync, openSync } from "node:fs";
import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, type TXID } from "@ls/ltx";
import { readFully } from "../../sqlite/borrowed-files.js";
import { attempt } from "../meta/atomic-file.js";
import type { MetaDirectory, StagedEntry } from "../meta/meta-directory.js";
import type { StagedFile } from "../protocol.js";
import { StagedQueue } from "../staged-queue.js";

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

  get count(): number {
    return this.#acknowledged.length + this.#waiting.length;
  }

  /** Sizes of all files together. */
  get bytes(): number {
    return this.#acknowledged.bytes + this.#waiting.bytes;
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

  /** Deletes what nothing needs: acknowledged, in the saved page table, and not the newest (upstream reads its position there). */
  prune(savedTableTXID: TXID): void {
    const { newest } = this;
    for (let file = this.#acknowledged.first; file !== undefined && file.txid <= savedTableTXID && file !== newest; file = this.#acknowledged.first) {
      // Order matters (below too): a file that cannot be deleted stays listed.
      this.#meta.removeStaged(file.txid);
      this.#acknowledged.shift();
    }
  }

  /** Deletes files that are of no use. */
  discard(txids: readonly TXID[]): void {
    const condemned = new Set(txids);
    for (const txid of condemned) this.#meta.removeStaged(txid);
    this.#sort(this.#all().filter((file) => !condemned.has(file.txid)));
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
