import { defineConfig } from "../tsup.shared.js";

export default defineConfig({
  entry: {
    all: "src/all.ts",
    ltx: "src/ltx.ts",
    replicate: "src/replicate.ts",
    app: "src/app.ts",
    latency: "src/latency.ts",
    many: "src/many.ts",
    keep: "src/keep.ts",
    delay: "src/delay.ts",
    far: "src/far.ts",
    transaction: "src/transaction.ts",
    restart: "src/restart.ts",
    "programs/codec": "src/programs/codec.ts",
    "programs/compact": "src/programs/compact.ts",
    "programs/merge-delay": "src/programs/merge-delay.ts",
    "programs/replicate-once": "src/programs/replicate-once.ts",
    "programs/restore-once": "src/programs/restore-once.ts",
    "programs/many-store": "src/programs/many-store.ts",
    "programs/commit-writer": "src/programs/commit-writer.ts",
  },
  format: ["esm"],
  target: "node20",
  clean: true,
  sourcemap: true,
  splitting: true,
});
