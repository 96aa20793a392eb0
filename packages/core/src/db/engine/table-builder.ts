import { lockPage, PageHasher } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import type { ReadMark } from "../../sqlite/read-mark.js";
import type { PageTable } from "../meta/page-table.js";
import type { Capture } from "./capture.js";
import type { SnapshotView } from "./snapshot-view.js";

/**
 * Fills the unknown entries of a page table beside capture, a slice at a time: after the meta directory of another replicator was
 * taken over, or a table was lost.
 *
 * It reads one view, taken when everything up to it was captured. A page that changed since the TXID that the table describes is in
 * the capture, or its cut has made it known: both are left alone. So what is filled in is the content at that TXID.
 */
export class TableBuilder {
  readonly #view: SnapshotView;
  readonly #mark: ReadMark;
  readonly #hasher = new PageHasher();
  readonly #hashes: Uint32Array;
  readonly #batchPages: number;
  #next = 1;

  /** @param mark holds the view; closed with the builder. */
  constructor(view: SnapshotView, mark: ReadMark) {
    this.#view = view;
    this.#mark = mark;
    this.#batchPages = Math.min(Math.floor(this.#hasher.input.length / view.pageSize), 1024);
    this.#hashes = new Uint32Array(this.#batchPages * 2);
  }

  /** Works until the slice is used up; whether everything is done. */
  step(table: PageTable, capture: Capture, slicer: Slicer): boolean {
    const last = Math.min(this.#view.commit, table.commit);
    while (this.#next <= last) {
      const first = this.#next;
      const count = Math.min(this.#batchPages, last - first + 1);
      this.#view.readRun(first, count, this.#hasher.input);
      this.#hasher.hash(this.#view.pageSize, count, this.#hashes);
      this.#fill(table, capture, first, count);
      this.#next += count;
      if (slicer.due) break;
    }
    return this.#next > last;
  }

  close(): void {
    this.#hasher.dispose();
    this.#mark.end();
    this.#mark.connection.close();
  }

  #fill(table: PageTable, capture: Capture, first: number, count: number): void {
    const { words } = table;
    const lock = lockPage(this.#view.pageSize);
    for (let i = 0, at = (first - 1) * 2; i < count; i++, at += 2) {
      const pgno = first + i;
      if (words[at] !== 0 || words[at + 1] !== 0 || pgno === lock || capture.has(pgno)) continue;
      words[at] = this.#hashes[i * 2] ?? 0;
      words[at + 1] = this.#hashes[i * 2 + 1] ?? 0;
    }
  }
}
