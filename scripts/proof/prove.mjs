import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { childEnvironment, runNode } from "../lib/run.mjs";
import { digestOf } from "./mutation.mjs";
import { patternFor } from "./titles.mjs";

/** A defect may turn an end into a hang; that counts as noticed. Far longer than any of these tests takes, also beside others. */
const TEST_MS = 180_000;

/**
 * What came of one defect.
 * @typedef {object} Proof
 * @property {readonly string[]} ids
 * @property {string} digest
 * @property {"red" | "hang" | "survived" | "broken"} outcome `broken`: the tests fail without the defect too, or none has the id
 * @property {string} failed title of the first test that failed
 * @property {number} seconds
 */

/**
 * Runs the tests of one defect without it and with it, in a copy of the repository.
 * @param {string} root of the copy
 * @param {import("./mutation.mjs").Mutation} one
 * @param {Map<string, boolean>} sound remembers which tests pass as they are
 * @returns {Promise<Proof>}
 */
export async function prove(root, one, sound) {
  const started = performance.now();
  const result = (/** @type {Proof["outcome"]} */ outcome, failed = "") => {
    return { ids: one.ids, digest: digestOf(one), outcome, failed, seconds: Math.round((performance.now() - started) / 100) / 10 };
  };
  const key = `${one.test} ${one.ids}`;
  if (!sound.has(key)) {
    const { passed, failed } = await runTests(root, one);
    sound.set(key, passed > 0 && failed === undefined);
    if (failed !== undefined) console.log(`  fails as it is: ${failed}`);
  }
  if (sound.get(key) !== true) return result("broken");
  const path = join(root, one.file);
  const original = readFileSync(path, "utf8");
  try {
    writeFileSync(
      path,
      original.replace(one.find, () => one.replace),
    );
    if (one.built) await rebuild(root, one.file);
    const { failed, timedOut } = await runTests(root, one);
    if (timedOut) return result("hang");
    return failed === undefined ? result("survived") : result("red", failed);
  } finally {
    writeFileSync(path, original);
    if (one.built) await rebuild(root, one.file);
  }
}

/**
 * @param {string} root
 * @param {import("./mutation.mjs").Mutation} one
 * @returns {Promise<{ passed: number, failed: string | undefined, timedOut: boolean }>}
 */
async function runTests(root, { ids, test }) {
  const report = join(root, "report.json");
  rmSync(report, { force: true });
  const [first = "", second = ""] = test.split("/");
  const folder = first === "packages" ? `${first}/${second}` : first;
  const args = ["run", test.slice(folder.length + 1), "-t", patternFor(ids), "--bail=1", "--reporter=json", `--outputFile.json=${report}`];
  const env = { ...childEnvironment(), LS_REQUIRE_PEERS: "1" };
  const { timedOut } = await runNode(join(root, "node_modules/vitest/vitest.mjs"), args, { cwd: join(root, folder), env, timeoutMs: TEST_MS, group: true });
  if (timedOut || !existsSync(report)) return { passed: 0, failed: undefined, timedOut };
  /** @type {import("../lib/vitest.mjs").VitestReport} */
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const tests = testResults.flatMap((file) => file.assertionResults);
  const failed = tests.find((one) => one.status === "failed")?.fullName;
  return { passed: tests.filter((one) => one.status === "passed").length, failed: failed?.trim(), timedOut };
}

/**
 * @param {string} root
 * @param {string} file
 */
async function rebuild(root, file) {
  const cwd = join(root, file.split("/").slice(0, 2).join("/"));
  const { code, output } = await runNode(join(root, "node_modules/tsup/dist/cli-default.js"), ["--no-dts"], { cwd });
  if (code !== 0) throw new Error(`${cwd} cannot be built:\n${output}`);
}
