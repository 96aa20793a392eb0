import { mutation } from "../mutation.mjs";

const DB = "interop/test/db.test.ts";

export const H = [
  mutation("H1", "core/src/db/session.ts", "    this.#uploader.hurry();\n", "", DB),
  mutation(
    "H2",
    "core/src/store/store.ts",
    'if (signal?.aborted === true) abort();\n    signal?.addEventListener("abort", abort, { once: true });\n    try {\n      await this.#change;',
    "try {\n      await this.#change;",
    "core/test/store-shutdown.test.ts",
  ),
  mutation("H3", "core/src/replica/uploader.ts", "        if (signal.aborted) return;\n", "", "core/test/uploader.test.ts"),
  mutation("H4 C12", "core/src/db/session.ts", "if (failure === undefined && this.#uploader.started) await this.#uploader.waitFor(txid, deadline);", "", DB),
  mutation(
    "H5",
    "core/src/replica/uploader.ts",
    "await this.#waitOut(file, error);\n        continue;",
    "this.#allowed = undefined;\n        return;",
    "interop/test/faults.test.ts",
  ),
  mutation("H6", "core/src/db/engine/engine.ts", "          this.#hold.release();\n", "", DB),
  mutation(
    "H7 P1",
    "core/src/sqlite/borrowed-files.ts",
    "new BorrowedFile(path, identity, fd, false);",
    'new BorrowedFile(path, identity, openSync(path, "r"), true);',
    "interop/test/close-is-safe.test.ts",
    { built: true },
  ),
];
