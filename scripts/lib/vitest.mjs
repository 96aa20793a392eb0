import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runNode } from "./run.mjs";
import { ROOT } from "./workspace.mjs";

/**
 * @typedef {object} TestCounts
 * @property {number} passed
 * @property {readonly string[]} failures names of failed tests, or what kept the run from happening
 * @property {readonly string[]} skipped names
 */

/**
 * Runs all tests of one package; the runner writes to our terminal and its result is read from its JSON report.
 * @param {{ path: string, folder: string }} target
 * @param {string} reportFolder
 * @param {number} timeoutMs
 * @returns {Promise<TestCounts>}
 */
export async function runTests(target, reportFolder, timeoutMs) {
  const report = join(reportFolder, `${target.path.replaceAll("/", "-")}.json`);
  // Where vitest's output is not a terminal, "dot" keeps a long run readable and still prints every failure.
  const reporters = ["--reporter=dot", "--reporter=json", `--outputFile.json=${report}`];
  const { code, timedOut } = await runNode(join(ROOT, "node_modules/vitest/vitest.mjs"), ["run", "--passWithNoTests", ...reporters], {
    cwd: target.folder,
    inherit: true,
    timeoutMs,
  });
  if (timedOut) return { passed: 0, failures: [`stopped after ${timeoutMs / 1000} s`], skipped: [] };
  if (!existsSync(report)) return { passed: 0, failures: [`vitest ended with exit code ${code} and no report`], skipped: [] };
  return countTests(JSON.parse(readFileSync(report, "utf8")), code);
}

/**
 * @typedef {object} VitestReport
 * @property {{ name: string, status: string, message?: string, assertionResults: { status: string, fullName: string }[] }[]} testResults
 */

/**
 * @param {VitestReport} report
 * @param {number} code vitest's exit code
 * @returns {TestCounts}
 */
export function countTests(report, code) {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const failures = tests.filter((one) => one.status === "failed").map((one) => one.fullName);
  for (const file of report.testResults) {
    // A file that could not be loaded has no tests to fail.
    if (file.status === "failed" && file.assertionResults.every((one) => one.status !== "failed")) failures.push(`${file.name}: ${file.message ?? "failed"}`);
  }
  // An error outside every test (an unhandled rejection) shows in the exit code alone.
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with exit code ${code} although no test failed`);
  return {
    passed: tests.filter((one) => one.status === "passed").length,
    failures,
    skipped: tests.filter((one) => ["skipped", "pending", "todo", "disabled"].includes(one.status)).map((one) => one.fullName),
  };
}
