import { mutation } from "../mutation.mjs";

const ENGINE = "core/src/db/engine";
const REGRESSIONS = "core/test/engine-regressions.test.ts";
const CAPTURE = "core/test/engine-capture.test.ts";
const SNAPSHOT = "core/test/engine-snapshot.test.ts";
const TAKEOVER = "core/test/takeover.test.ts";

export const B = [
  mutation("B1", `${ENGINE}/takeover.ts`, 'if (this.readerBlocks) return "partial";', "", TAKEOVER),
  mutation("B2", `${ENGINE}/takeover.ts`, "      frames = end.frames;\n      capture.grabNow(end);", "      frames = end.frames;", TAKEOVER),
  mutation(
    "B4",
    `${ENGINE}/connections.ts`,
    "return new ReadMark(this.#open(true));",
    'this.openBarrier().exec("BEGIN IMMEDIATE");\n    return new ReadMark(this.#open(true));',
    SNAPSHOT,
  ),
  mutation(
    "B9",
    `${ENGINE}/attached.ts`,
    "if (this.snapshot.isOpen || this.#takeover.readerBlocks) return false;",
    "if (this.#takeover.readerBlocks) return false;",
    SNAPSHOT,
  ),
  mutation(
    "B16",
    `${ENGINE}/attached.ts`,
    'return checkpointBarrier === "emergency" && frameEnd',
    "return frameEnd",
    "interop/test/driver-matrix-busy.test.ts",
    { built: true },
  ),
  mutation("B3", `${ENGINE}/takeover.ts`, "      rollback();\n", "", TAKEOVER),
  mutation(
    "B5",
    `${ENGINE}/attached.ts`,
    'result === "partial" && gate.takeover && wanted && end.frames > end.backfilled',
    "gate.takeover && wanted",
    REGRESSIONS,
  ),
  mutation("B6", `${ENGINE}/attached.ts`, " || walBytes > settings.maxWalBytes;", ";", REGRESSIONS),
  mutation("B7", `${ENGINE}/takeover.ts`, "(hurried || this.readerBlocks ? 1 : ROUNDS)", "(hurried ? 1 : ROUNDS)", TAKEOVER),
  mutation("B8", `${ENGINE}/takeover.ts`, "const BARRIER_MS = 40;", "const BARRIER_MS = 12_000;", TAKEOVER),
  mutation("B10", `${ENGINE}/snapshot-stream.ts`, "    this.#mark.connection.close();\n", "", SNAPSHOT),
  mutation("B12 P3", "core/src/sqlite/version-gate.ts", "[3, 50, 7],", "[3, 50, 6],", "core/src/sqlite/version-gate.test.ts"),
  mutation(
    "B13",
    `${ENGINE}/takeover.ts`,
    "if (!state.busy && state.frames === state.backfilled) result",
    "if (state.frames === state.backfilled) result",
    TAKEOVER,
  ),
  mutation("B14", "core/src/db/db.ts", "const timer = setTimeout(() => deadline.abort(", "const timer = setTimeout(() => void (", "interop/test/db.test.ts"),
  mutation("B15", `${ENGINE}/capture-loop.ts`, 'this.#emit({ type: "reader-blocks-checkpoint", walBytes: bytes });', "", CAPTURE),
];
