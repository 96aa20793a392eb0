import { PageHasher, type TXID } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { frameEnd, frameSize } from "../../wal/frame.js";
import type { PageMapCut } from "../../wal/page-map.js";
import type { MetaDirectory } from "../meta/meta-directory.js";
import type { Capture } from "./capture.js";
import type { SnapshotView } from "./snapshot-view.js";
import { Staging } from "./staging.js";

export interface CaptureCut {
  /** Bytes of the staged file. */
  readonly size: number;
  /** Pages in it, ascending. */
  readonly pgnos: Uint32Array;
  /** Their hashes, two words each. */
  readonly hashes: Uint32Array;
}

export interface CaptureCutOptions {
  readonly meta: MetaDirectory;
  readonly txid: TXID;
  readonly timestampMs: number;
  /** Database size at the previous TXID. */
  readonly previousCommit: number;
  /** The state up to the last captured frame, for pages without one. */
  readonly view: () => Promise<SnapshotView>;
}

/**
 * Makes one level-0 file out of what was captured. Pages above the last commit's size are dropped; pages by which the database
 * grew and that have no frame (free pages are not written) are filled from the database, because the file must hold them.
 */
export async function cutCapture(capture: Capture, taken: PageMapCut, options: CaptureCutOptions, slicer: Slicer): Promise<CaptureCut> {
  const { pageSize, startFrame, endFrame, salt1, salt2 } = taken.range;
  const missing = capture.missingAbove(Math.min(options.previousCommit, taken.minCommit));
  const view = missing.length === 0 ? undefined : await options.view();
  const pgnos = merge(taken.pgnos, missing);
  const hashes = new Uint32Array(pgnos.length * 2);
  const hasher = new PageHasher();
  const staging = new Staging(options.meta, {
    pageSize,
    commit: taken.commit,
    minTXID: options.txid,
    maxTXID: options.txid,
    timestampMs: options.timestampMs,
    walOffset: frameEnd(startFrame, pageSize),
    walSize: (endFrame - startFrame) * frameSize(pageSize),
    walSalt1: salt1,
    walSalt2: salt2,
  });
  try {
    const { batchPages, input } = staging;
    for (let done = 0; done < pgnos.length; done += batchPages) {
      const batch = pgnos.subarray(done, done + batchPages);
      for (let i = 0; i < batch.length; i++) {
        const pgno = batch[i] ?? 0;
        if (capture.has(pgno)) capture.copyPage(pgno, input, i * pageSize);
        else view?.readRun(pgno, 1, input.subarray(i * pageSize));
      }
      hasher.input.set(input.subarray(0, batch.length * pageSize));
      hasher.hash(pageSize, batch.length, hashes, done * 2);
      staging.put(batch, batch.length);
      if (done + batch.length < pgnos.length && slicer.due) await slicer.pause();
    }
    // Before the disk is waited for: many databases that wait at a time would each hold a MiB.
    hasher.dispose();
    return { size: await staging.commit(), pgnos, hashes };
  } catch (error) {
    staging.abort();
    throw error;
  } finally {
    hasher.dispose();
  }
}

function merge(a: Uint32Array, b: Uint32Array): Uint32Array {
  if (b.length === 0) return a;
  const all = new Uint32Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all.sort();
}
