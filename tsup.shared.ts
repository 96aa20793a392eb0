import { defineConfig, type Options } from "tsup";

/** One bundler setting for every published package: ESM only, types beside the code. */
export function packageBuild(entry: Record<string, string>): Options {
  // Whether the types are right is checked elsewhere, once for all packages.
  const dts = { compilerOptions: { noCheck: true } };
  return { entry, format: ["esm"], target: "node20", dts, clean: true, sourcemap: true, splitting: true, treeshake: false, removeNodeProtocol: false };
}
export { defineConfig };
