import { existsSync, readFileSync } from "node:fs";
import { join, resolve, sep } from "node:path";
import { runNode } from "./run.mjs";
import { ROOT } from "./workspace.mjs";

/**
 * @typedef {object} TestCounts
 * @property {number} passed
 * @property {readonly string[]} failures names of failed tests, or what kept the run from happening
 * @property {readonly string[]} skipped names
 */

/**
 * Runs all tests of packages, in one run of vitest: the cores stay busy to its end. It writes to our terminal and its result is read from its JSON report.
 * @param {readonly { name: string, folder: string }[]} targets
 * @param {string} reportFolder
 * @param {number} timeoutMs
 * @returns {Promise<{ packages: readonly (TestCounts & { name: string, seconds: number })[], faults: readonly string[] }>} `faults`: what no test says
 */
export async function runTests(targets, reportFolder, timeoutMs) {
  const report = join(reportFolder, "vitest.json");
  // Where vitest's output is not a terminal, "dot" keeps a long run readable and still prints every failure.
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  const folders = targets.map(({ folder }) => folder + sep);
  const { code, timedOut } = await runNode(join(ROOT, "node_modules/vitest/vitest.mjs"), ["run", "--passWithNoTests", ...reporters, ...folders], {
    cwd: ROOT,
    inherit: true,
    timeoutMs,
  });
  if (timedOut) return { packages: [], faults: [`stopped after ${timeoutMs / 1000} s`] };
  if (!existsSync(report)) return { packages: [], faults: [`vitest ended with exit code ${code} and no report`] };
  /** @type {VitestReport} */
  const { testResults } = JSON.parse(readFileSync(report, "utf8"));
  const packages = targets.map(({ name, folder }) => {
    const files = testResults.filter((file) => resolve(file.name).startsWith(folder + sep));
    return { name, ...countTests(files), seconds: files.reduce((total, file) => total + (file.endTime - file.startTime) / 1000, 0) };
  });
  return { packages, faults: faultsOf(code, packages) };
}

/**
 * An error outside every test (an unhandled rejection) shows in the exit code alone.
 * @param {number} code vitest's exit code
 * @param {readonly Pick<TestCounts, "failures">[]} packages
 */
export function faultsOf(code, packages) {
  const isUnsaid = code !== 0 && packages.every((one) => one.failures.length === 0);
  return isUnsaid ? [`vitest ended with exit code ${code} although no test failed`] : [];
}

/**
 * @typedef {object} VitestReport
 * @property {VitestFile[]} testResults
 *
 * @typedef {object} VitestFile
 * @property {string} name absolute path
 * @property {string} status
 * @property {string} [message]
 * @property {number} startTime ms
 * @property {number} endTime ms
 * @property {{ status: string, fullName: string }[]} assertionResults
 */

/**
 * @param {readonly Pick<VitestFile, "name" | "status" | "message" | "assertionResults">[]} files
 * @returns {TestCounts}
 */
export function countTests(files) {
  const tests = files.flatMap((file) => file.assertionResults);
  const failures = tests.filter((one) => one.status === "failed").map((one) => one.fullName);
  for (const file of files) {
    // A file that could not be loaded has no tests to fail.
    if (file.status === "failed" && file.assertionResults.every((one) => one.status !== "failed")) failures.push(`${file.name}: ${file.message ?? "failed"}`);
  }
  return {
    passed: tests.filter((one) => one.status === "passed").length,
    failures,
    skipped: tests.filter((one) => ["skipped", "pending", "todo", "disabled"].includes(one.status)).map((one) => one.fullName),
  };
}
