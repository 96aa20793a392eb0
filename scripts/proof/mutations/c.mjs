import { mutation } from "../mutation.mjs";

const ENGINE = "core/src/db/engine";
const SNAPSHOT = "core/test/engine-snapshot.test.ts";
const AGENDA = "core/src/compaction/agenda.test.ts";

export const C = [
  mutation("C1", `${ENGINE}/attached.ts`, "      return txid;\n    } catch", "      mark.end();\n      return txid;\n    } catch", SNAPSHOT),
  mutation(
    "C2",
    `${ENGINE}/attached.ts`,
    "while (await this.cut(slicer, end)) if (slicer.due) await slicer.pause();\n      const { txid }",
    "const { txid }",
    SNAPSHOT,
  ),
  mutation(
    "C3",
    `${ENGINE}/snapshot-view.ts`,
    "return new SnapshotView(parts, commit, position, index);",
    "return new SnapshotView(parts, commit - 1, position, index);",
    SNAPSHOT,
  ),
  mutation("C6", "core/src/compaction/plan-snapshot.ts", "Math.min(last.createdAt.getTime(), lastMs) + intervalMs", "lastMs + intervalMs", AGENDA),
  mutation("C7", "core/src/compaction/merge-budget.ts", "if (bytes > MERGE_SOURCE_BYTES && count >= 2) break;", "", "core/src/compaction/plan-merge.test.ts"),
  mutation("C10", "core/src/db/snapshot.ts", 'await host.request("snapshotClose", undefined).catch(() => {});', "", "core/test/db-snapshot.test.ts"),
];
