import { mutation } from "../mutation.mjs";

export const L = [
  mutation(
    "L3",
    "core/src/store/keeping/compactor.ts",
    "        this.#known.memory?.done(level, clock.now());",
    '        await this.#known.relist("merged", signal);\n        this.#known.memory?.done(level, clock.now());',
    "core/test/store.test.ts",
  ),
  mutation("L5", "core/src/compaction/plan-snapshot.ts", 'if (intervalMs === 0) return { status: "nothing-new" };', "", "core/test/keeper.test.ts"),
  mutation(
    "L6",
    "backend-file/src/write-file.ts",
    "    gathered.dispose();\n    await calls.close(fd);\n",
    "    gathered.dispose();\n",
    "interop/test/census.test.ts",
  ),
  mutation("L8", "core/src/db/events.ts", "(fields.failures & (fields.failures - 1)) !== 0;", "false;", "core/src/db/events.test.ts"),
  mutation(
    "L8",
    "core/src/db/engine/hindrance.ts",
    "if (message === this.#lastWarning && now - this.#lastWarningAt < WARNING_MS) return;",
    "",
    "core/src/db/engine/hindrance.test.ts",
  ),
  mutation("L9", "core/src/store/store.ts", "    this.#databases.delete(db.path);\n    this.#releases", "    this.#releases", "core/test/metrics.test.ts"),
  mutation(
    "L10",
    "core/src/db/db.ts",
    "    const timer = setTimeout(() => deadline.abort(",
    "    const { setTimeout: later } = globalThis;\n    globalThis.setTimeout = ((...args: Parameters<typeof later>) => later(...args).unref()) as typeof later;\n    const timer = setTimeout(() => deadline.abort(",
    "core/test/store-shutdown.test.ts",
    { built: true },
  ),
  mutation("L10", "core/src/store/store.ts", "      clearTimeout(timer);\n", "", "core/test/store-shutdown.test.ts", { built: true }),
  mutation("L12", "core/src/store/scheduler.ts", "    this.#cancel?.();\n    this.#cancel = undefined;\n", "", "core/src/store/scheduler.test.ts"),
];
