// `npm test [-- <name> …]`: sets everything up, then runs every check and every test; with names, only the sections so called.
// Under CI=true or LS_REQUIRE_PEERS=1 a skipped test, or a package that ran none, is a failure.
import { join } from "node:path";
import { missingPeers } from "./lib/peers.mjs";
import { mapParallel } from "./lib/run.mjs";
import { checkNode, ensureInstalled, SetupError, scratchFolder } from "./lib/setup.mjs";
import { runTests } from "./lib/vitest.mjs";
import { ROOT, workspacePackages } from "./lib/workspace.mjs";

/** Longest that the tests of all packages may take, also on a busy machine. Each test has its own limit, so this ends only a runner that hangs. */
const TESTS_TIMEOUT_MS = 3_600_000;

const strict = process.env.CI === "true" || process.env.LS_REQUIRE_PEERS === "1";
const wanted = process.argv.slice(2);

/** @type {{ name: string, passed: number, failures: readonly string[], skipped: readonly string[], seconds: number }[]} */
const rows = [];

try {
  checkNode();
  await ensureInstalled();
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exit(1);
}

// The checks load tools that only the set-up above has put there.
const { GATES } = await import("./checks/all.mjs");
const gates = GATES.filter((gate) => isWanted(gate.name));
/** @type {Promise<void>} */
let built = Promise.resolve();
if (gates.length > 0) console.log(`Checking ${gates.map((one) => one.name).join(", ")} …`);
await mapParallel(gates, async ({ name, needsBuild, run }) => {
  if (needsBuild) await built;
  const done = check(name, run);
  if (name === "build") built = done;
  await done;
});
await test([{ name: "scripts", folder: join(ROOT, "scripts") }, ...workspacePackages().filter((one) => one.manifest.scripts?.test !== undefined)]);
process.exitCode = summarize();

/** @param {string} name */
function isWanted(name) {
  return wanted.length === 0 || wanted.some((one) => name === one || name.endsWith(`/${one}`));
}

/**
 * @param {string} name
 * @param {import("./checks/gate.mjs").Gate["run"]} run
 */
async function check(name, run) {
  const started = performance.now();
  const result = await run().catch(broken);
  report(name, result, (performance.now() - started) / 1000);
}

/** @param {readonly { name: string, folder: string }[]} targets */
async function test(targets) {
  const chosen = targets.filter((one) => isWanted(one.name));
  if (chosen.length === 0) return;
  const { packages, faults } = await runTests(chosen, scratchFolder("test-reports"), TESTS_TIMEOUT_MS);
  for (const { name, seconds, ...counts } of packages) {
    const ranNone = counts.passed === 0 && counts.failures.length === 0;
    report(name, ranNone ? { ...counts, [strict ? "failures" : "skipped"]: ["no test ran in this package"] } : counts, seconds);
  }
  if (faults.length > 0) report("tests", { passed: 0, failures: faults }, 0);
}

/**
 * @param {string} name
 * @param {import("./checks/gate.mjs").GateResult} result
 * @param {number} seconds of a package: of its files, which run beside others
 */
function report(name, { passed, failures, skipped = [] }, seconds) {
  for (const failure of failures) console.log(`FAILED ${failure.trimEnd()}`);
  rows.push({ name, passed, failures, skipped, seconds });
  console.log(`== ${name}: ${passed} passed, ${failures.length} failed, ${skipped.length} skipped in ${seconds.toFixed(1)} s`);
}

/**
 * A check that threw has not been passed.
 * @param {unknown} error
 * @returns {import("./checks/gate.mjs").GateResult}
 */
function broken(error) {
  return { passed: 0, failures: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
}

/** Prints the table; the last line is for people and for CI. Returns the exit code. */
function summarize() {
  const width = Math.max(...rows.map((one) => one.name.length), 10);
  console.log(`\n${"section".padEnd(width)}  passed  failed  skipped  seconds`);
  for (const { name, passed, failures, skipped, seconds } of rows) {
    const cells = [String(passed).padStart(6), String(failures.length).padStart(6), String(skipped.length).padStart(7), seconds.toFixed(1).padStart(7)];
    console.log(`${name.padEnd(width)}  ${cells.join("  ")}`);
  }
  const skipped = rows.flatMap((row) => row.skipped.map((one) => `${row.name}: ${one}`));
  let failed = rows.reduce((total, one) => total + one.failures.length, 0);
  for (const row of rows) for (const one of row.failures) console.log(`FAILED   ${row.name}: ${one.split("\n", 1)[0]}`);
  if (skipped.length > 0) {
    console.log("");
    for (const one of skipped) console.log(`SKIPPED  ${one}`);
    for (const { what, command } of missingPeers()) console.log(`MISSING  ${what}; provide it with: ${command}`);
    if (strict) failed += skipped.length;
    console.log(strict ? "Here a skip is a failure (CI=true or LS_REQUIRE_PEERS=1)." : "What was skipped has NOT been tested.");
  }
  const passed = rows.reduce((total, one) => total + one.passed, 0);
  console.log(`\n${passed} passed, ${failed} failed${skipped.length > 0 && !strict ? `, ${skipped.length} skipped` : ""}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
