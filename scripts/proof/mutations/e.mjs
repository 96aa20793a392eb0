import { mutation } from "../mutation.mjs";

const KEEPER = "core/test/keeper.test.ts";
const PLAN = "core/src/compaction/plan-retention.ts";
const PLAN_TEST = "core/src/compaction/plan-retention.test.ts";

export const E = [
  mutation("E1", PLAN, "    if (file.maxTXID > heldUntil) break;\n", "", PLAN_TEST),
  mutation("E2 E11 L11", "core/src/db/engine/staged-files.ts", "      this.#acknowledged.shift();\n", "", "core/test/engine-capture.test.ts"),
  mutation("E3", "core/src/restore/restore-to.ts", "const unpin = pinFiles(client, plan.files);", "const unpin = (): void => {};", "core/test/pins.test.ts"),
  mutation("E5", PLAN, "      if (deleted === 0) return { files: [], atMs: expiresMs(file) };\n      break;", "      continue;", PLAN_TEST),
  mutation("E6", "core/src/store/keeping/retention-passes.ts", "      throw deletionFailed(failures);\n", "", KEEPER),
  mutation("E7", "core/src/store/keeping/retention-passes.ts", "if (keys.has(fileKey(file))) remaining.push(file);", "keys.delete(fileKey(file));", KEEPER),
  mutation("E8", "backend-s3/src/delete.ts", "({ Key: key })) } };", "({ Key: key })), Quiet: true } };", "backend-s3/test/wire.test.ts"),
  mutation("E8", "backend-s3/src/delete.ts", "return (answer.Errors ?? []).filter(", "return [].filter(", "backend-s3/test/faults.test.ts"),
  mutation(
    "E9",
    "backend-file/src/client.ts",
    "const path = ltxFilePath(this.path, ref);\n      await unlink",
    "const path = `${levelDirectory(this.path, ref.level)}/${ref.minTXID}-${ref.maxTXID}.ltx`;\n      await unlink",
    "backend-file/src/client.test.ts",
  ),
  mutation("E10", PLAN, "if (retentionMs === 0 || first === undefined) return NOTHING;", "if (first === undefined) return NOTHING;", PLAN_TEST),
  mutation("E10", PLAN, "if (retentionMs === 0 || snapshots.length === 0)", "if (snapshots.length === 0)", PLAN_TEST),
  mutation(
    "E12",
    PLAN,
    "  while (expired < snapshots.length - 1 && isPast(snapshots[expired], expiresMs, nowMs)) expired++;\n",
    "  while (expired < snapshots.length && isPast(snapshots[expired], expiresMs, nowMs)) expired++;\n  if (expired === snapshots.length) return { files: snapshots, atMs: undefined };\n",
    PLAN_TEST,
  ),
  mutation("E13", "core/src/restore/list-all.ts", "if (!patient) throw error;", "if (!patient) return files;", KEEPER),
  mutation("E14", "core/src/compaction/retention.ts", "isAppendOnly: failures.length > 0 &&", "isAppendOnly: failures.length > 1_000_000 &&", KEEPER),
  mutation(
    "E15 L2 L4",
    "core/src/store/keeping/keeper.ts",
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
