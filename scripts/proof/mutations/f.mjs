import { mutation } from "../mutation.mjs";

const RESTORE = "testkit/test/restore.test.ts";
const DB = "interop/test/db.test.ts";

export const F = [
  mutation("E4", "core/src/restore/restore-to.ts", 'if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) {', "if (false) {", RESTORE),
  mutation("F2", "core/src/restore/plan.ts", "if (cost < this.#cheapest.cost(end)) {", "if (this.#last[end] === undefined) {", "core/src/restore/plan.test.ts"),
  mutation(
    "Q2",
    "core/src/restore/plan.ts",
    "point.timestamp.getTime() <= timestampMs;",
    "point.timestamp.getTime() < timestampMs;",
    "core/src/restore/plan.test.ts",
  ),
  mutation("F7", "core/src/restore/file-output.ts", 'await attempt("remove", temp.path, () => rm(temp.path, { force: true }));', "", RESTORE),
  mutation("F8 F18", "core/src/restore/file-output.ts", 'if (found.size > 0) throw this.#exists("exists already");', "", RESTORE),
  mutation("F8 Q7", "core/src/restore/file-output.ts", "for (const suffix of SIDECARS) await this.#removeSidecar(this.path + suffix);", "", RESTORE),
  mutation("F9", "core/src/restore/fetch.ts", "budget.progress(bytes.length);", "", RESTORE),
  mutation("F11", "core/src/restore/list-all.ts", "await budget.afterFailure(error);", "return files;", RESTORE),
  mutation("F15", "core/src/restore/plan.ts", "before: this.points.findLast(isBefore),", "before: undefined,", RESTORE),
  mutation("H1", "core/src/db/session.ts", "    this.#uploader.hurry();\n", "", DB),
  mutation(
    "H4",
    "core/src/db/session.ts",
    "if (failure === undefined && this.#uploader.started) await this.#uploader.waitFor(this.#localTXID, deadline);",
    "",
    DB,
  ),
  mutation("Q10", "backend-file/src/list.ts", "if (!stats.isFile()) return undefined;", "", "backend-file/src/client.test.ts"),
];
