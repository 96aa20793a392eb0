import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { FileReplicaClient } from "@ls/backend-file";
import type { LTXFileInfo } from "@ls/core";
import { mergeFiles } from "../../../packages/core/src/compaction/merge.js";
import { createMerging } from "../../../packages/core/src/worker/merging.js";

/** How late the application's thread gets its turns while level 0 of a replica is merged into level 1 from copies beside the database; or while nothing is done for as long. */
export interface MergeDelay {
  readonly mergeMs: number;
  /** Of a timer that is due each millisecond. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

const [path, where] = process.argv.slice(2);
if (path === undefined || (where !== "worker" && where !== "inline" && where !== "nowhere"))
  throw new Error("usage: merge-delay REPLICA worker | inline | nowhere");
const client = new FileReplicaClient({ path });
const files: LTXFileInfo[] = [];
for await (const file of client.ltxFiles(0)) files.push(file);
const workerURL = new URL("../../../packages/core/dist/worker.js", import.meta.url);
const merging = createMerging({ kind: where === "worker" ? "worker" : "inline", metaPath: path, workerURL });
const { signal } = new AbortController();
const merge = async (level: number, count: number): Promise<void> => {
  const outcome = await mergeFiles({ client, level, files: files.slice(0, count), merging, signal });
  if (outcome.status !== "written") throw new Error(`the merge ended as ${outcome.status}`);
};
// Compilers and the start of the thread are not what a replicator that runs for months pays.
await merge(8, 3);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const start = performance.now();
if (where === "nowhere") await sleep(1000);
else await merge(1, files.length);
const mergeMs = performance.now() - start;
delay.disable();
console.log(JSON.stringify({ mergeMs, p99Ms: delay.percentile(99) / 1e6, maxMs: delay.max / 1e6 } satisfies MergeDelay));
