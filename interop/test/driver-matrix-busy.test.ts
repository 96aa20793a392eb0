import { node24 } from "@ls/node24";
import { skipLoudly, tempDir } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { runProgram } from "../src/run-program.js";

const binary = node24();
const skipped = binary === undefined && skipLoudly("Node 24 (npm package node)", "npx pnpm@10 install");

/** Busy timeout 0 is the default of node:sqlite. */
describe.skipIf(skipped)("an application that does not wait for locks", () => {
  async function run(setup: object): Promise<Record<string, unknown>> {
    using dir = tempDir("busy");
    const all = JSON.stringify({ path: dir.file("a.db"), replicaPath: dir.file("replica"), ...setup });
    // `as`: the program's one line.
    return (await runProgram("driver-busy.mjs", [all], { execPath: binary ?? "", timeoutMs: 50_000 })) as Record<string, unknown>;
  }

  it("[B16] is never refused without barriers, and its TRUNCATE answers busy at once", { timeout: 60_000 }, async () => {
    const result = await run({ barrier: "never", rows: 1, commits: 3_000, pauseMs: 0 });
    expect(result).toMatchObject({ timeout: 0, barriers: 0, busy: 0, others: [], inSync: true, rows: 3_000, truncate: { busy: 1 } });
    expect(result.truncateMs).toBeLessThan(500);
  });

  it("is told SQLITE_BUSY during a barrier, and nothing else; what it tries again succeeds", { timeout: 60_000 }, async () => {
    const result = await run({ barrier: "emergency", rows: 20, commits: 700, pauseMs: 0 });
    expect(result).toMatchObject({ timeout: 0, others: [], inSync: true, rows: 14_000 });
    expect(result.barriers).toBeGreaterThan(0);
  });
});
