import { mutation } from "../mutation.mjs";

const KEEPER = "core/test/keeper.test.ts";

export const E = [
  mutation("E2 E11 L11", "core/src/db/engine/staged-files.ts", "      this.#acknowledged.shift();\n", "", "core/test/engine-capture.test.ts"),
  mutation("E6", "core/src/store/keeper.ts", "      throw deletionFailed(failures);\n", "", KEEPER),
  mutation("E7", "core/src/store/keeper.ts", "if (keys.has(fileKey(file))) remaining.push(file);", "", KEEPER),
  mutation("E13", "core/src/restore/list-all.ts", "if (!patient) throw error;", "if (!patient) return files;", KEEPER),
  mutation("E14", "core/src/compaction/retention.ts", "isAppendOnly: failures.length > 0 &&", "isAppendOnly: failures.length > 1_000_000 &&", KEEPER),
  mutation(
    "E15 L2 L4",
    "core/src/store/keeper.ts",
    'Math.min(agenda === "idle" ? Number.POSITIVE_INFINITY : agenda.atMs, this.#verifyAtMs)',
    'Math.min(agenda === "idle" ? nowMs + 15_000 : agenda.atMs, this.#verifyAtMs)',
    KEEPER,
  ),
  mutation(
    "E16",
    "core/src/compaction/plan-retention.ts",
    "const SNAPSHOT_SHARE = 0.1;",
    "const SNAPSHOT_SHARE = 1;",
    "core/src/compaction/plan-retention.test.ts",
  ),
];
