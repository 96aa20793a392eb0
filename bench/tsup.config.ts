import { defineConfig } from "../tsup.shared.js";

export default defineConfig({
  entry: {
    ltx: "src/ltx.ts",
    "programs/codec": "src/programs/codec.ts",
  },
  format: ["esm"],
  target: "node20",
  clean: true,
  sourcemap: true,
  splitting: true,
});
