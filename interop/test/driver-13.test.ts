import { node24 } from "@ls/node24";
import { skipLoudly, tempDir } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { runProgram } from "../src/run-program.js";

const binary = node24();
const skipped = binary === undefined && skipLoudly("Node 24 (npm package node)", "npx pnpm@10 install");

describe.skipIf(skipped)("better-sqlite3 13 on Node 24", () => {
  it("replicates and restores with the application's own copy", { timeout: 60_000 }, async () => {
    using dir = tempDir("h");
    const result = await runProgram("smoke-13.mjs", [dir.file("a.db"), dir.file("replica"), dir.file("out.db")], { execPath: binary ?? "", timeoutMs: 50_000 });
    expect(result).toMatchObject({ node: expect.stringMatching(/^24\./), sqlite: expect.stringMatching(/^3\.5[3-9]/), inSync: true, rows: 200 });
  });
});
