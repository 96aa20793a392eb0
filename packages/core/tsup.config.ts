import { defineConfig, packageBuild } from "../../tsup.shared.js";

export default defineConfig(
  packageBuild({
    index: "src/index.ts",
    restore: "src/restore/index.ts",
    metrics: "src/metrics/index.ts",
    "backend-kit": "src/backend-kit/index.ts",
    worker: "src/worker/worker.ts",
  }),
);
