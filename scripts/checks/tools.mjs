import { readFileSync } from "node:fs";
import { join } from "node:path";
import { run, runNode } from "../lib/run.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { build, pnpm, scratchFolder } from "../lib/setup.mjs";
import { ROOT, shown } from "../lib/workspace.mjs";
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

/**
 * The changesets name packages that exist, and while the version is 0.x none of them makes it 1.0.0: a backend whose peer range
 * does not cover the next core would, through the one group in which all packages are released.
 */
export async function checkChangesets() {
  const hasMain = (await run("git", ["rev-parse", "--verify", "--quiet", "main"], { cwd: ROOT })).code === 0;
  const since = hasMain ? [] : ["--since=HEAD"];
  const plan = join(scratchFolder("changesets"), "plan.json");
  // The tool takes the path relative to the root alone.
  const result = await runNode(join(ROOT, "node_modules/@changesets/cli/bin.js"), ["status", `--output=${shown(plan)}`, ...since], { cwd: ROOT });
  if (result.code !== 0) return single(false, result.output);
  /** @type {{ releases: { name: string, oldVersion: string, newVersion: string }[] }} */
  const { releases } = JSON.parse(readFileSync(plan, "utf8"));
  const leaps = releases.filter((one) => one.oldVersion.startsWith("0.") && !one.newVersion.startsWith("0."));
  return single(
    leaps.length === 0,
    `would leave 0.x: ${leaps.map((one) => `${one.name} ${one.newVersion}`).join(", ")}; widen the peer range on ${SCOPE}/core`,
  );
}
