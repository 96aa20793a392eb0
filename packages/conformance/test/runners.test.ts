import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { planCases } from "../src/index.js";
import { memorySubject } from "./memory-subject.js";

const RUNNERS = fileURLToPath(new URL("runners", import.meta.url));
const MOCHA = join(dirname(createRequire(import.meta.url).resolve("mocha/package.json")), "bin", "mocha.js");
const TIMEOUT_MS = 120_000;

/** Cases that apply to a subject without any facility, as in runners/subject.mjs. */
const none = { impossible: "not here" };
const applicable = planCases({
  capabilities: memorySubject().capabilities,
  facilities: { foreign: none, outage: none, denied: none, undeletable: none, requests: none, secrets: none },
}).filter((one) => one.status === "run").length;

function run(args: readonly string[], env: Record<string, string> = {}): { code: number | null; output: string } {
  // The runner's own variables would make node:test a child of vitest's.
  const { NODE_OPTIONS: _, VITEST: __, ...clean } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", env: { ...clean, ...env }, timeout: TIMEOUT_MS });
  return { code: status, output: stdout + stderr };
}

describe.each([
  ["node:test", ["--test", "--test-reporter=tap", join(RUNNERS, "node.test.mjs")], /^# pass (\d+)$/m, /^\s*not ok \d+ - list\.order/m],
  ["mocha", [MOCHA, "--reporter=tap", "--timeout=0", join(RUNNERS, "mocha.spec.mjs")], /^# pass (\d+)$/m, /^not ok \d+ .*list\.order/m],
] as const)("under %s, from the built package", (_, args, passed, gapFailed) => {
  test(
    "every case runs and passes",
    () => {
      const { code, output } = run(args);
      expect(output).toMatch(passed);
      expect(Number(passed.exec(output)?.[1]), output.slice(-2000)).toBeGreaterThanOrEqual(applicable);
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "a known gap that passes is a failure",
    () => {
      const { code, output } = run(args, { LS_FALSE_GAP: "1" });
      expect(output).toMatch(gapFailed);
      expect(output).toContain("take it out of knownGaps");
      expect(code).not.toBe(0);
    },
    TIMEOUT_MS,
  );
});
