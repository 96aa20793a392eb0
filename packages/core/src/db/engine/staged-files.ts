import { closeSync, openSync } from "node:fs";
import { decodeLTXHeader, isLTXError, LTX_HEADER_SIZE, type TXID } from "@ls/ltx";
import { readFully } from "../../sqlite/borrowed-files.js";
import type { MetaDirectory, StagedEntry } from "../meta-directory.js";
import type { StagedFile } from "../protocol.js";

/** The level-0 files in the meta directory, and which of them the destination holds. */
export class StagedFiles {
  readonly #meta: MetaDirectory;
  #files: StagedFile[];
  #acknowledged: TXID = 0n;
  #unacknowledgedBytes: number;

  constructor(meta: MetaDirectory) {
    this.#meta = meta;
    this.#files = meta.listStaged().map(describe);
    this.#unacknowledgedBytes = sum(this.#files);
  }

  /** Looks at the directory again: a file in it was replaced, or is gone. */
  reload(): void {
    this.#files = this.#meta.listStaged().map(describe);
    this.#unacknowledgedBytes = sum(this.unacknowledged);
  }

  get newest(): StagedFile | undefined {
    return this.#files.at(-1);
  }

  /** First TXID of the unbroken run that ends at the newest file. */
  get runStart(): TXID | undefined {
    let start = this.newest?.txid;
    for (let i = this.#files.length - 2; i >= 0 && start !== undefined; i--) {
      const txid = this.#files[i]?.txid;
      if (txid !== start - 1n) break;
      start = txid;
    }
    return start;
  }

  /** Files that the destination does not hold, oldest first. */
  get unacknowledged(): readonly StagedFile[] {
    return this.#files.filter((file) => file.txid > this.#acknowledged);
  }

  get unacknowledgedBytes(): number {
    return this.#unacknowledgedBytes;
  }

  /** Path of one local file, `undefined` when there is none. */
  path(txid: TXID): string | undefined {
    return this.#files.find((file) => file.txid === txid)?.path;
  }

  /** A durable new file, newer than all others. */
  add(file: StagedFile): void {
    this.#files.push(file);
    this.#unacknowledgedBytes += file.size;
  }

  acknowledge(txid: TXID): void {
    if (txid <= this.#acknowledged) return;
    this.#acknowledged = txid;
    this.#unacknowledgedBytes = sum(this.unacknowledged);
  }

  /** Deletes what nothing needs: acknowledged, in the saved page table, and not the newest (upstream reads its position there). */
  prune(savedTableTXID: TXID): void {
    const limit = savedTableTXID < this.#acknowledged ? savedTableTXID : this.#acknowledged;
    this.#remove((file, newest) => file.txid <= limit && file !== newest);
  }

  /** Deletes files that are of no use. */
  discard(txids: readonly TXID[]): void {
    this.#remove((file) => txids.includes(file.txid));
    this.#unacknowledgedBytes = sum(this.unacknowledged);
  }

  /** Deletes files above a TXID: the destination continues differently, or they are damaged. */
  removeAbove(txid: TXID): void {
    this.#remove((file) => file.txid > txid);
    if (this.#acknowledged > txid) this.#acknowledged = txid;
    this.#unacknowledgedBytes = sum(this.unacknowledged);
  }

  #remove(condemned: (file: StagedFile, newest: StagedFile | undefined) => boolean): void {
    const newest = this.newest;
    const kept: StagedFile[] = [];
    // Order matters: a file that cannot be deleted stays listed.
    for (const file of this.#files) {
      if (condemned(file, newest)) this.#meta.removeStaged(file.txid);
      else kept.push(file);
    }
    this.#files = kept;
  }
}

/** A file that an earlier run left; its commits were made before its header's time at the latest. */
function describe({ txid, path, size, timeMs }: StagedEntry): StagedFile {
  const timestampMs = readTimestamp(path) ?? timeMs;
  return { txid, path, size, timestampMs, oldestCommitMs: timestampMs };
}

function readTimestamp(path: string): number | undefined {
  const bytes = new Uint8Array(LTX_HEADER_SIZE);
  const fd = openSync(path, "r");
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

function sum(files: readonly StagedFile[]): number {
  return files.reduce((bytes, file) => bytes + file.size, 0);
}
