import { lockPage, PageHasher, type TXID } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { WAL_HEADER_SIZE } from "../../wal/header.js";
import type { MetaDirectory } from "../meta/meta-directory.js";
import { PageTable } from "../meta/page-table.js";
import { everyPage } from "./page-run.js";
import { Staging } from "./staging.js";

/** One committed state of the database. */
export interface PageView {
  readonly pageSize: number;
  /** Database size in pages. */
  readonly commit: number;
  /** Salts of the WAL generation that it ends in; 0 without one. */
  readonly salts: { readonly walSalt1: number; readonly walSalt2: number };
  /** Reads `count` neighbouring pages to the start of `into`. Pages that the database file does not have are zeros. */
  readRun(firstPgno: number, count: number, into: Uint8Array): void;
  /** Where nothing keeps others from writing. @throws Doubt when what was read is not to be relied on. */
  check?(): void;
}

export interface StateCut {
  /** Hashes of every page of the view. */
  readonly table: PageTable;
  /** Pages that differ from the base; all of them without one. */
  readonly differingPages: number;
  /** Bytes of the staged file; `undefined` = the view equals the base and no file was made. */
  readonly size: number | undefined;
}

/**
 * Makes one level-0 file out of a view, not out of WAL frames: all pages, or those that differ from `base`. Memory is bounded by two
 * batches and the page table.
 */
export async function cutState(
  view: PageView,
  base: PageTable | undefined,
  { meta, txid, timestampMs }: { readonly meta: MetaDirectory; readonly txid: TXID; readonly timestampMs: number },
  slicer: Slicer,
): Promise<StateCut> {
  const { pageSize, commit } = view;
  const table = new PageTable(pageSize);
  table.resize(commit);
  const lock = lockPage(pageSize);
  // Made from no frames: the range is empty, and starts where the first frame would be (upstream refuses offset 0).
  const header = { pageSize, commit, minTXID: txid, maxTXID: txid, timestampMs, walOffset: WAL_HEADER_SIZE, walSize: 0, ...view.salts };
  const hasher = new PageHasher();
  const staging = new Staging(meta, header);
  try {
    const { batchPages, input } = staging;
    const hashes = new Uint32Array(batchPages * 2);
    const pgnos = new Uint32Array(batchPages);
    const offsets = new Uint32Array(batchPages);
    for (let first = 1; first <= commit; first += batchPages) {
      const count = Math.min(batchPages, commit - first + 1);
      view.readRun(first, count, input);
      hasher.input.set(input.subarray(0, count * pageSize));
      hasher.hash(pageSize, count, hashes);
      const lockIndex = lock - first;
      if (lockIndex >= 0 && lockIndex < count) hashes.fill(0, lockIndex * 2, lockIndex * 2 + 2);
      table.updateRun(first, count, hashes);
      const chosen = base === undefined ? everyPage(first, count, lock, pgnos) : base.differing(first, count, hashes, pgnos);
      for (let i = 0; i < chosen; i++) offsets[i] = ((pgnos[i] ?? 0) - first) * pageSize;
      staging.put(pgnos, chosen, offsets);
      if (first + count <= commit && slicer.due) await slicer.pause();
    }
    // Before the disk is waited for: many databases that wait at a time would each hold a MiB.
    hasher.dispose();
    view.check?.();
    if (base !== undefined && staging.pageCount === 0 && base.commit === commit) {
      staging.abort();
      return { table, differingPages: 0, size: undefined };
    }
    const size = await staging.commit();
    return { table, differingPages: staging.pageCount, size };
  } catch (error) {
    staging.abort();
    throw error;
  } finally {
    hasher.dispose();
  }
}
