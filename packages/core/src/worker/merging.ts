import { readLocalOf } from "../compaction/local-copies.js";
import { DirectMerging, type Merging } from "../compaction/merging.js";
import { findWorkerEntry } from "./shared-worker.js";
import { SizedMerging } from "./sized-merging.js";
import { WorkerMerging } from "./worker-merging.js";

export interface MergingInit {
  readonly kind: "worker" | "inline";
  /** The database's meta directory. */
  readonly metaPath: string;
  /** The worker's entry, where it is not beside this code. */
  readonly workerURL: URL | undefined;
}

/** Where merges of a database's destination are computed: beside its engine; on this thread what is small, and all of it where there is no worker. */
export function createMerging({ kind, metaPath, workerURL }: MergingInit): Merging {
  const entry = kind === "worker" ? findWorkerEntry(workerURL) : undefined;
  const here = new DirectMerging(readLocalOf(metaPath));
  return entry === undefined ? here : new SizedMerging(here, new WorkerMerging(entry, metaPath));
}
