import { join } from "node:path";
import { run, runNode } from "../lib/run.mjs";
import { build, pnpm } from "../lib/setup.mjs";
import { ROOT } from "../lib/workspace.mjs";
import { single } from "./gate.mjs";

/** Everything that is published or started as a child process is built. */
export async function checkBuild() {
  const result = await build([]);
  return single(result.code === 0, result.output);
}

/** Format, lint rules and import order. */
export async function checkLint() {
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  const result = await runNode(biome, ["check", "--error-on-warnings", "--diagnostic-level=warn", "."], { cwd: ROOT });
  return single(result.code === 0, result.output);
}

/** Files, exports and dependencies that nobody uses. */
export async function checkUnused() {
  const result = await runNode(join(ROOT, "node_modules/knip/bin/knip.js"), ["--no-progress", "--no-config-hints"], { cwd: ROOT });
  return single(result.code === 0, result.output);
}

/** The committed codec kernel is what its source compiles to, byte for byte. */
export async function checkKernel() {
  const result = await pnpm(["--filter=@ls/ltx", "run", "check:kernel"]);
  return single(result.code === 0, result.output);
}

/** A changeset that names an unknown package would make the release fail. */
export async function checkChangesets() {
  const hasMain = (await run("git", ["rev-parse", "--verify", "--quiet", "main"], { cwd: ROOT })).code === 0;
  const since = hasMain ? [] : ["--since=HEAD"];
  const result = await runNode(join(ROOT, "node_modules/@changesets/cli/bin.js"), ["status", ...since], { cwd: ROOT });
  return single(result.code === 0, result.output);
}
