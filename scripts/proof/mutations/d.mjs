import { mutation } from "../mutation.mjs";

const MERGE = "core/test/merge-files.test.ts";
const KEEPER = "core/test/keeper.test.ts";
const AGENDA = "core/src/compaction/agenda.test.ts";

export const D = [
  mutation("D1", "ltx/src/merge.ts", "timestampMs: timestampMs ?? last.timestampMs,", "timestampMs: timestampMs ?? Date.now(),", MERGE),
  mutation("D2", "core/src/compaction/merge-source.ts", "readLocal !== undefined && (await readLocal(range, buffer))", "false", MERGE),
  mutation("D4", "core/src/restore/fetch.ts", "offset: offset + received, size: size - received", "offset, size", MERGE),
  mutation("D6", "core/src/store/keeper.ts", "    this.#allowed?.abort();\n", "", KEEPER),
  mutation(
    "D9",
    "ltx/src/merge.ts",
    "await Promise.all(files.map((file) => file.open()));",
    "await Promise.all(files.map((file) => file.open())).catch(() => {});\n    if (files.some((file) => file.header === undefined)) return undefined as never;",
    "ltx/src/merge.test.ts",
  ),
  mutation(
    "D15 Q5",
    "ltx/src/tail.ts",
    'if (this.#taken < indexSize + FIXED_SIZE) throw new LTXError("LTX_TRUNCATED", "the file ends in its page index or trailer");',
    "",
    "ltx/src/decoder.test.ts",
  ),
  mutation("D18", "core/src/compaction/plan-merge.ts", "level - 1 === L0_LEVEL ? 1 : 2", "1", AGENDA),
  mutation("D19", "core/src/compaction/window.ts", "return windowStart(timeMs, intervalMs) + intervalMs;", "return timeMs + intervalMs;", AGENDA),
  mutation("D20", "ltx/src/merge.ts", "    setLimits(files);\n", "", "ltx/src/merge.test.ts"),
  mutation("D21 F14", "ltx/src/txid.ts", "return BigInt(`0x${text}`);", "return BigInt(Number(`0x${text}`));", "ltx/src/txid.test.ts"),
  mutation("D22", "ltx/src/tail.ts", "if (filled + rest.length > FIXED_SIZE)", "if (filled > FIXED_SIZE)", "ltx/src/decoder.test.ts"),
  mutation("Q8", "ltx/src/page-sequence.ts", "if (pgno > this.#commit) this.#fail", "if (false) this.#fail", "ltx/src/decoder.test.ts"),
  mutation(
    "D23",
    "core/src/compaction/merge.ts",
    'if (isLSError(cause, "LS_LTX_FILE_NOT_FOUND")) return { status: "changed", reason: "a file was deleted meanwhile" };',
    "",
    KEEPER,
  ),
];
