import { mutation } from "../mutation.mjs";

export const P = [
  mutation("P2", "core/src/db/engine/engine.ts", "if (copies.length <= 1) return;", "if (copies.length <= 100) return;", "core/test/engine-process.test.ts"),
  mutation("P4", "core/src/concurrency/slicer.ts", "const SLICE_MS = 4;", "const SLICE_MS = 4000;", "core/test/event-loop.test.ts"),
  mutation("P5", "core/src/brand.ts", "this.#key = Symbol.for(contract);", "this.#key = Symbol(contract);", "core/test/two-copies.test.ts"),
  mutation("P6", "core/src/sqlite/read-mark.ts", '      this.connection.row("PRAGMA user_version");\n', "", "interop/test/soak.test.ts", { built: true }),
  mutation(
    "P7",
    "core/src/restore/restore-to.ts",
    'import { isLSError, LSError } from "../errors.js";',
    'import * as fs from "node:fs";\nimport { isLSError, LSError } from "../errors.js";',
    "core/src/restore/imports.test.ts",
  ),
  mutation(
    "P8",
    "backend-file/src/read-file.ts",
    "range.reuseChunks ? [buffersForReading.take(), buffersForReading.take()] : []",
    "[buffersForReading.take(), buffersForReading.take()]",
    "backend-file/src/client.test.ts",
  ),
  mutation("P9", "core/src/worker/hosted-merge.ts", "while (size < CHUNK_BYTES) {", "for (;;) {", "core/test/worker-merging.test.ts"),
  mutation(
    "P11",
    "core/src/db/engine/rest/rest.ts",
    "(watch.active ? Math.max(pollMs, WATCHED_POLL_MS) : pollMs)",
    "3_600_000",
    "core/test/engine-rest.test.ts",
  ),
  mutation(
    "P12",
    "core/src/db/engine/network-file-system.ts",
    "statfsSync(dirname(databasePath)).type >>> 0",
    "statfsSync(dirname(databasePath)).bsize",
    "core/test/network-file-system.test.ts",
  ),
  mutation("P13", "core/src/db/engine/engine.ts", "settings.monitorIntervalMs || NET_POLL_MS;", "NET_POLL_MS;", "core/test/other-process.test.ts"),
];
