import { mutation } from "../mutation.mjs";

const RESTORE = "testkit/test/restore.test.ts";
const PLAN = "core/src/restore/plan.ts";
const PLAN_TEST = "core/src/restore/plan.test.ts";

export const F = [
  mutation("E4", "core/src/restore/restore-to.ts", 'if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) {', "if (false) {", RESTORE),
  mutation(
    "F1",
    PLAN,
    "return this.#cheapest.cost(this.#cheapest.find(lowerBound(this.#ends, file.minTXID - 1n), end));",
    "const before = this.#ends.indexOf(file.minTXID - 1n);\n    return before < end ? this.#cheapest.cost(before) : Number.POSITIVE_INFINITY;",
    PLAN_TEST,
  ),
  mutation("F2", PLAN, "if (cost < this.#cheapest.cost(end)) {", "if (this.#last[end] === undefined) {", PLAN_TEST),
  mutation("F3", PLAN, 'if (!this.#times.has(txid)) return { reason: "not-available", available };', "", PLAN_TEST),
  mutation("F4", PLAN, "const time = file.createdAt.getTime();", "const time = file.level === 0 ? file.createdAt.getTime() : Number.NaN;", PLAN_TEST),
  mutation(
    "F5",
    "core/src/restore/list-all.ts",
    "for await (const file of client.ltxFiles(level, { accurateTimestamps, signal })) files.push(file);",
    "for await (const file of client.ltxFiles(level, { accurateTimestamps, signal })) {\n        for await (const _ of client.openLTXFile(file, { size: 100, signal })) break;\n        files.push(file);\n      }",
    RESTORE,
  ),
  mutation("F6", "core/src/restore/list-all.ts", "file.size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE", "file.size < 0", RESTORE),
  mutation("F7", "core/src/restore/file-output.ts", 'await attempt("remove", temp.path, () => rm(temp.path, { force: true }));', "", RESTORE),
  mutation("F8 F18", "core/src/restore/file-output.ts", 'if (found.size > 0) throw this.#exists("exists already");', "", RESTORE),
  mutation("F8 Q7", "core/src/restore/file-output.ts", "for (const suffix of SIDECARS) await this.#removeSidecar(this.path + suffix);", "", RESTORE),
  mutation("F9", "core/src/restore/range-reader.ts", "budget.progress(bytes.length);", "", RESTORE),
  mutation("F10", "core/src/restore/in-order.ts", "(running.length >= count || total + weight > most)", "total + weight > most", RESTORE),
  mutation("F11", "core/src/restore/list-all.ts", "await budget.afterFailure(error);", "return files;", RESTORE),
  mutation("F15", PLAN, "before: this.points.findLast(isBefore),", "before: undefined,", RESTORE),
  mutation("F16", "core/src/restore/in-order.ts", "running.length >= count ||", "running.length >= 1 ||", RESTORE),
  mutation(
    "F19",
    "core/src/restore/file-output.ts",
    "writeAt(handle.fd, path, data.subarray(start * pageSize, i * pageSize), position);",
    "const run = data.slice(start * pageSize, i * pageSize);\n      if (position === 0) run.fill(1, 18, 20);\n      writeAt(handle.fd, path, run, position);",
    RESTORE,
  ),
];
