import { FileReplicaClient } from "@ls/backend-file";
import type { LTXFileInfo } from "@ls/core";
import { Inventory } from "../../../packages/core/src/compaction/inventory.js";
import { readLocalOf } from "../../../packages/core/src/compaction/local-copies.js";
import { mergeFiles } from "../../../packages/core/src/compaction/merge.js";
import { DirectMerging } from "../../../packages/core/src/compaction/merging.js";
import { planMerge } from "../../../packages/core/src/compaction/plan-merge.js";
import { SNAPSHOT_LEVEL } from "../../../packages/core/src/levels.js";
import { serveRuns } from "../common/serve-runs.js";

/**
 * What keeping does when level 1 is due: plan, merge level 0 and store the result, as often as the memory for one merge demands. It knows what is
 * there: a process lists its destination once.
 */
const [path, from] = process.argv.slice(2);
if (path === undefined || (from !== "replica" && from !== "copies")) throw new Error("usage: compact REPLICA replica | copies");
/** Copies beside the database have the same layout: here, the replica's own files are taken for them. */
const merging = new DirectMerging(from === "copies" ? readLocalOf(path) : undefined);
const listed: LTXFileInfo[] = [];
for (const level of [0, SNAPSHOT_LEVEL]) for await (const file of new FileReplicaClient({ path }).ltxFiles(level)) listed.push(file);
const { signal } = new AbortController();

await serveRuns(async () => {
  const client = new FileReplicaClient({ path });
  const listing = new Inventory(listed);
  for (;;) {
    const plan = planMerge({ listing, level: 1, isUsable: () => true, takesSnapshots: true });
    if (plan.status !== "merge") break;
    const outcome = await mergeFiles({ client, level: 1, files: plan.files, merging, signal });
    if (outcome.status !== "written") throw new Error(`the merge ended as ${outcome.status}`);
    listing.add(outcome.file);
  }
});
