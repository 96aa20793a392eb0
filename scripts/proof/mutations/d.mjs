import { mutation } from "../mutation.mjs";

const MERGE = "core/test/merge-files.test.ts";
const KEEPER = "core/test/keeper.test.ts";
const VERIFY = "core/src/compaction/verify.test.ts";
const AGENDA = "core/src/compaction/agenda.test.ts";

export const D = [
  mutation("D1", "ltx/src/merge.ts", "timestampMs: timestampMs ?? last.timestampMs,", "timestampMs: timestampMs ?? Date.now(),", MERGE),
  mutation("D2", "core/src/compaction/merge-source.ts", "this.readLocal = readLocal;", "this.readLocal = undefined;", MERGE),
  mutation(
    "D3",
    "core/src/replica/staged-source.ts",
    "if (chunk.length < wanted && read === size) return;\n    }\n  } finally {\n    await handle.close();",
    "if (chunk.length < wanted && read === size) return;\n    }\n  } finally {",
    "core/test/failing-uploads.test.ts",
  ),
  mutation("D3", "ltx/src/merge.ts", "await closeAll(files);", "", "ltx/src/merge.test.ts"),
  mutation("D4", "core/src/restore/range-reader.ts", "offset: offset + received, size: size - received", "offset, size", MERGE),
  mutation("D5", "core/src/compaction/keeping-memory.ts", "    this.#damaged.set(key, reason);\n", "", KEEPER),
  mutation("D6", "core/src/store/keeping/keeper.ts", "    this.#current?.abort();\n", "", KEEPER),
  mutation("D7", "core/src/compaction/verify.ts", 'else if (file.minTXID <= previous.maxTXID) yield { type: "overlap", file, previous };', "", VERIFY),
  mutation("D7", "core/src/compaction/verify.ts", "file.minTXID > previous.maxTXID + 1n && file.minTXID - 1n > heldUntil", "false", VERIFY),
  mutation(
    "D8",
    "core/src/compaction/plan-merge.ts",
    "if (file.maxTXID >= next && (best === undefined || file.maxTXID > best.maxTXID)) best = file;",
    "if (file.minTXID === next) best ??= file;",
    "core/src/compaction/plan-merge.test.ts",
  ),
  mutation(
    "D9",
    "ltx/src/merge.ts",
    "    await openAll(files);\n",
    "    if (await openAll(files).then(() => false, () => true)) return undefined as never;\n",
    "ltx/src/merge.test.ts",
  ),
  mutation("D10", "ltx/src/decoder.ts", "if (status === DECODE_LEGACY && count === 0) {", "if (false) {", "ltx/test/golden.test.ts"),
  mutation("D10", "ltx/src/merge-input.ts", "this.legacy = flags === 0;", "this.legacy = false;", "ltx/test/golden.test.ts"),
  mutation("D11", "ltx/src/header.ts", "if (magic >>> 8 === MAGIC_WITHOUT_VERSION) throw", "if (false) throw", "ltx/src/header.test.ts"),
  mutation("D11", "ltx/src/header.ts", "if (header.flags !== 0 && header.flags !== LTX_NO_CHECKSUM) {", "if (false) {", "ltx/src/header.test.ts"),
  mutation("D12", "ltx/src/page-sequence.ts", "if (pgno === this.#lockPage) this.#fail", "if (false) this.#fail", "ltx/src/encoder.test.ts"),
  mutation("D12", "ltx/src/page-sequence.ts", " && !(pgno === previous + 2 && pgno - 1 === this.#lockPage)", "", "ltx/src/encoder.test.ts"),
  mutation("D13", "core/src/restore/apply.ts", "      this.#limit = Math.min(this.#limit, header.commit);\n", "", "testkit/test/restore.test.ts"),
  mutation(
    "D14",
    "core/src/restore/apply.ts",
    "if ((header.flags & LTX_NO_CHECKSUM) === 0) this.#checksum = new DatabaseChecksum();",
    'if ((header.flags & LTX_NO_CHECKSUM) === 0) throw unusable(file, "tracks checksums");',
    "interop/test/fixtures-single.test.ts",
  ),
  mutation("D15 Q5", "ltx/src/tail.ts", "if (this.#taken < this.#indexSize + FIXED_SIZE) throw tooShort();", "", "ltx/src/decoder.test.ts"),
  mutation("D9", "ltx/src/index-builder.ts", "return this.hasChecksum(found);", "return true;", "ltx/src/merge.test.ts"),
  mutation(
    "D17",
    "core/src/backend-kit/retry-budget.ts",
    'signal?.addEventListener("abort", onAbort, { once: true });',
    "",
    "core/src/backend-kit/retry-budget.test.ts",
  ),
  mutation(
    "D18",
    "core/src/compaction/plan-merge.ts",
    "const FEWEST_OF_LEVEL_0 = 2;",
    "const FEWEST_OF_LEVEL_0 = 1;",
    "core/src/compaction/plan-merge.test.ts",
  ),
  mutation("D18", "core/src/compaction/plan-merge.ts", "const FEWEST = 4;", "const FEWEST = 3;", "core/src/compaction/plan-merge.test.ts"),
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
