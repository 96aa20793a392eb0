import { defineConfig } from "../tsup.shared.js";

/** The programs run as child processes under plain node, so they are built; the library itself is imported as source by tests. */
export default defineConfig({
  entry: {
    index: "src/index.ts",
    writer: "programs/writer.ts",
    assassin: "programs/assassin.ts",
    replicator: "programs/replicator.ts",
    "lock-prober": "programs/lock-prober.ts",
    phases: "programs/phases.ts",
    "restore-once": "programs/restore-once.ts",
  },
  format: ["esm"],
  target: "node20",
  clean: true,
  sourcemap: true,
  splitting: true,
});
