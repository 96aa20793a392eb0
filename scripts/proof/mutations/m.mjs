import { mutation } from "../mutation.mjs";

const COUNTERS = "core/src/metrics/event-counters.ts";
const METRICS = "core/test/metrics.test.ts";
const DB = "interop/test/db.test.ts";

export const M = [
  mutation("M1", "core/src/db/attach.ts", 'if (!isLSError(error, "LS_LTX_FILE_NOT_FOUND")) throw error;', "", "core/test/attach.test.ts"),
  mutation(
    "M2",
    "core/src/worker/host-error.ts",
    "if (ls !== undefined) return new LSError(ls.code, plain.message, { retryable: ls.retryable, details: ls.details, cause });",
    "",
    "core/src/worker/host-error.test.ts",
  ),
  mutation("M3", COUNTERS, '        this.#failed("open", event.nextRetryAt !== undefined);\n', "", METRICS),
  mutation("M4", COUNTERS, "        counts.checkpoints++;\n", "", METRICS),
  mutation("M5", COUNTERS, "        this.#failed(event.work, true);\n", "", METRICS),
  mutation("M6", "core/src/store/heartbeat.ts", " && lagMs <= withinMs,", ",", "core/src/store/heartbeat.test.ts"),
  mutation("M7", "core/src/db/health.ts", "if (oldest !== Infinity) return Math.max(0, nowMs - oldest);", "", DB),
  mutation("M8", "core/src/db/health.ts", "nextRetryAt: nextRetryMs === undefined ? undefined : new Date(nextRetryMs),", "nextRetryAt: undefined,", DB),
  mutation("M9", "core/src/db/status.ts", 'if (uploadFails) return "retrying";\n      if (paused)', "if (paused)", "core/src/db/status.test.ts"),
  mutation(
    "M10",
    "ltx/src/header.ts",
    "if (view.byteLength < LTX_HEADER_SIZE) throw new LTXError",
    "if (view.byteLength < 0) throw new LTXError",
    "ltx/src/header.test.ts",
  ),
  mutation("M11", "core/src/db/events.ts", "(type, { ...subject, ...fields });", "(type, fields);", "core/test/store.test.ts"),
  mutation("M12", "core/src/db/attach-loop.ts", '"it is not in WAL mode; run PRAGMA journal_mode = WAL on it"', '"it cannot be opened"', DB),
  mutation("M12", "core/src/restore/plan-error.ts", "parts.push(`unusable: ", "parts.concat(`unusable: ", "testkit/test/restore.test.ts"),
  mutation("M13", COUNTERS, "return { ...this.#counts, errors: { ...this.#counts.errors } };", "return this.#counts;", "core/test/store.test.ts"),
  mutation(
    "M14",
    "core/src/replica/uploader.ts",
    'isLSError(error, "LS_LTX_MISSING")) {',
    'isLSError(error, "LS_LTX_MISSING") || isLSError(error, "LS_STORAGE_UNAVAILABLE")) {',
    "interop/test/faults.test.ts",
  ),
];
