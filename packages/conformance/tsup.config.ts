import { defineConfig, packageBuild } from "../../tsup.shared.js";

export default defineConfig(packageBuild({ index: "src/index.ts", memory: "src/memory/index.ts" }));
