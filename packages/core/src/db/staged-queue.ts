import type { TXID } from "@ls/ltx";
import type { StagedFile } from "./protocol.js";

/** Slots of taken files that are kept before the rest moves up: then there are as many of them as of the others. */
const MIN_GAP = 1024;

/**
 * Staged files in TXID order. A day's outage is some ten thousand of them: both ends and the sum cost the same however many there are, a
 * search by TXID their logarithm.
 */
export class StagedQueue {
  /** Those before `#head` were taken. */
  #files: StagedFile[] = [];
  #head = 0;
  #bytes = 0;

  constructor(files: Iterable<StagedFile> = []) {
    for (const file of files) this.push(file);
  }

  get length(): number {
    return this.#files.length - this.#head;
  }

  /** Their sizes together. */
  get bytes(): number {
    return this.#bytes;
  }

  get first(): StagedFile | undefined {
    return this.#files[this.#head];
  }

  get last(): StagedFile | undefined {
    return this.#head === this.#files.length ? undefined : this.#files.at(-1);
  }

  /** Adds a file with a higher TXID than all others. */
  push(file: StagedFile): void {
    // Most queues of many have one file at a time: an array that grows takes room for sixteen.
    if (this.#files.length === 0) this.#files = [file];
    else this.#files.push(file);
    this.#bytes += file.size;
  }

  /** Takes the lowest one away. */
  shift(): StagedFile | undefined {
    const file = this.first;
    if (file === undefined) return undefined;
    this.#bytes -= file.size;
    this.#head++;
    if (this.#head === this.#files.length || (this.#head >= MIN_GAP && this.#head * 2 >= this.#files.length)) {
      this.#files = this.#files.slice(this.#head);
      this.#head = 0;
    }
    return file;
  }

  /** Takes the highest one away. */
  pop(): StagedFile | undefined {
    const file = this.last;
    if (file === undefined) return undefined;
    this.#bytes -= file.size;
    this.#files.length--;
    return file;
  }

  find(txid: TXID): StagedFile | undefined {
    let low = this.#head;
    let high = this.#files.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#files[middle]?.txid ?? 0n) < txid) low = middle + 1;
      else high = middle;
    }
    const file = this.#files[low];
    return file?.txid === txid ? file : undefined;
  }

  /** A copy, lowest TXID first. */
  toArray(): StagedFile[] {
    return this.#files.slice(this.#head);
  }
}
