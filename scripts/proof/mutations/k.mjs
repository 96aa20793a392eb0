import { mutation } from "../mutation.mjs";

const WATCH = "core/test/watch-directory.test.ts";
const WATCHED = "core/src/store/watch/watched-directory.ts";

export const K = [
  mutation("K1", "core/src/store/store.ts", "const OPENING = 16;", "const OPENING = 1600;", "core/test/store.test.ts"),
  mutation("K2", "core/src/db/engine/rest/awake.ts", "const USUAL_ROOM = 20;", "const USUAL_ROOM = 2000;", WATCH),
  mutation("K2", "core/src/db/engine/directory-watch.ts", "    SharedWatch.#active.set(directory, active);\n", "", WATCH),
  mutation("K3", WATCHED, "      this.#isStale = true;\n", "", WATCH),
  mutation("K3 P11", WATCHED, "} else if (this.#options.intervalMs > 0) {", "} else if (this.#options.intervalMs < 0) {", WATCH),
  mutation(
    "K4",
    "core/src/db/meta/meta-directory.ts",
    "return join(dirname(path), `.${basename(path)}-litestream`);",
    "return join(dirname(dirname(path)), `.${basename(path)}-litestream`);",
    WATCH,
  ),
  mutation(
    "K5",
    "core/src/store/watch/is-database.ts",
    'if (isLSError(error, "LS_NOT_A_DATABASE")) return false;',
    'if (isLSError(error, "LS_NOT_A_DATABASE")) return true;',
    WATCH,
  ),
  mutation("K6", WATCHED, "        this.#forget(path);\n        this.#leaving.delete(left);", "        this.#leaving.delete(left);", WATCH),
  mutation("K7", "core/src/store/store.ts", "const START_PATIENCE_MS = 5000;", "const START_PATIENCE_MS = 500_000;", WATCH),
  mutation(
    "K8",
    "core/src/db/engine/rest/files-stamp.ts",
    "return sameStamp(then.database, now.database) && (now.wal === undefined || sameStamp(then.wal, now.wal));",
    "return false;",
    WATCH,
  ),
  mutation("K9", "core/src/db/engine/readiness.ts", 'if (isBusy(error)) return "locked-exclusive";', "", WATCH),
  mutation(
    "K10",
    "core/src/db/engine/held-snapshot.ts",
    "while (await cut(end, slicer)) if (slicer.due) await slicer.pause();\n",
    "",
    "core/test/many-snapshots.test.ts",
  ),
  mutation("K12", "core/src/db/engine/local-hold.ts", "      if (!meta.isPossible()) throw absent(this.#settings.path);\n", "", WATCH),
  mutation("K12", WATCHED, "      .remove(db, {})\n", "      .remove(db, { signal: AbortSignal.abort() })\n", WATCH),
];
