import { defineConfig, packageBuild } from "../../tsup.shared.js";

export default defineConfig(packageBuild({ index: "src/index.ts", client: "src/client.ts" }));
