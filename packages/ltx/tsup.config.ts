import { copyFile } from "node:fs/promises";
import { defineConfig, packageBuild } from "../../tsup.shared.js";

export default defineConfig({
  ...packageBuild({ index: "src/index.ts" }),
  platform: "neutral",
  onSuccess: () => copyFile("kernel.wasm", "dist/kernel.wasm"),
});
