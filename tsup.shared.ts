import { defineConfig, type Options } from "tsup";

/** One bundler setting for every published package: ESM only, types beside the code. */
export function packageBuild(entry: Record<string, string>): Options {
  return { entry, format: ["esm"], target: "node20", dts: true, clean: true, sourcemap: true, splitting: true, treeshake: false, removeNodeProtocol: false };
}
export { defineConfig };
