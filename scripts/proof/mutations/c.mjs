import { mutation } from "../mutation.mjs";

const ENGINE = "core/src/db/engine";
const SNAPSHOT = "core/test/engine-snapshot.test.ts";
const DB = "interop/test/db.test.ts";
const STAGED = "core/src/replica/staged-source.ts";
const KEEPER = "core/test/keeper.test.ts";
const AGENDA = "core/src/compaction/agenda.test.ts";

export const C = [
  mutation("C1", `${ENGINE}/held-snapshot.ts`, "      return txid;\n    } catch", "      mark.end();\n      return txid;\n    } catch", SNAPSHOT),
  mutation("C2", `${ENGINE}/held-snapshot.ts`, "while (await cut(end, slicer)) if (slicer.due) await slicer.pause();\n", "", SNAPSHOT),
  mutation(
    "C3",
    `${ENGINE}/snapshot-view.ts`,
    "return new SnapshotView(parts, commit, position, index);",
    "return new SnapshotView(parts, commit - 1, position, index);",
    SNAPSHOT,
  ),
  mutation("C4", "core/src/compaction/plan-snapshot.ts", 'if (intervalMs === 0) return { status: "nothing-new" };', "", AGENDA),
  mutation("C5", "core/src/db/db.ts", "onEvent: own.onEvent ?? onEvent,", "onEvent: onEvent ?? own.onEvent,", "core/test/store.test.ts"),
  mutation("C6", "core/src/compaction/plan-snapshot.ts", "Math.min(last.createdAt.getTime(), lastMs) + intervalMs", "lastMs + intervalMs", AGENDA),
  mutation("C7", "core/src/compaction/merge-budget.ts", "if (bytes > MERGE_SOURCE_BYTES && count >= 2) break;", "", "core/src/compaction/plan-merge.test.ts"),
  mutation("C8", "core/src/compaction/plan-merge.ts", "if (level - 1 > L0_LEVEL) return lowest;", "return lowest;", AGENDA),
  mutation(
    "C9",
    "core/src/store/keeping/verification.ts",
    "memory.wantsSnapshot = true;\n  return { issues, isSnapshotWanted: true };",
    "return { issues, isSnapshotWanted: false };",
    KEEPER,
  ),
  mutation("C9", "core/src/store/keeping/verification.ts", " || !known.goBy(files)", "", KEEPER),
  mutation("C9", "core/src/compaction/verify.ts", "files.length === 0 ? known : highest(files)", "highest(files)", KEEPER),
  mutation("C10", "core/src/db/snapshot.ts", 'await host.request("snapshotClose", undefined).catch(() => {});', "", "core/test/db-snapshot.test.ts"),
  mutation("C11", "core/src/compaction/agenda.ts", "return memory.jitter * Math.min(MAX_SPREAD_MS, intervalMs / 10);", "return 0;", AGENDA),
  mutation("C11", "core/src/concurrency/limit.ts", "if (this.#free > 0) this.#free--;", "if (true) this.#free--;", "core/src/concurrency/limit.test.ts"),
  mutation("C12", "core/src/db/session.ts", "if (missing !== undefined) throw notDurable", "if (false) throw notDurable", DB),
  mutation("C12", "core/src/replica/uploader.ts", "if (txid <= this.#remoteTXID) return true;", "return true;", DB),
  mutation("C13", STAGED, "if (read !== size) throw notWhole", "if (false) throw notWhole", DB),
  mutation("C13", STAGED, 'systemErrorCode(error) === "ENOENT" ? missing(path, "is gone", error) : ', "", DB),
];
