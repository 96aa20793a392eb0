import { execFileSync } from "node:child_process";
import { integrityProblem, modelOfLive, skipLoudly, tempDir } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { levelZero } from "../src/replica-files.js";
import { byUs } from "../src/restores.js";
import { runProgram } from "../src/run-program.js";

function hasCommandLine(): boolean {
  try {
    execFileSync("sqlite3", ["-version"]);
    return true;
  } catch {
    return false;
  }
}

const skipped = !hasCommandLine() && skipLoudly("the sqlite3 command line", "apt-get install sqlite3");

interface CloseLoop {
  readonly ours: number;
  readonly strangers: number;
  readonly integrity: string;
  readonly faults: readonly string[];
  readonly sqlite3: string;
}

describe.skipIf(skipped || process.platform !== "linux")("close() in the application's process", () => {
  it("[H7, P1] is safe 200 times over, with an open write transaction, an idle connection and a visiting sqlite3", { timeout: 240_000 }, async () => {
    using dir = tempDir("f");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    // `as`: the program's documented output.
    const result = (await runProgram("close-loop.mjs", [path, replicaPath, "200", "sqlite3"], { timeoutMs: 200_000 })) as CloseLoop;
    expect(result.faults).toEqual([]);
    expect(result).toMatchObject({ ours: 200, strangers: 200, integrity: "ok" });
    expect(integrityProblem(path)).toBeUndefined();
    const newest = (await levelZero(replicaPath)).at(-1)?.txid ?? 0n;
    const verdict = await judge([{ name: "close loop", replicaPath, models: new Map([[newest, modelOfLive(path)]]) }], dir.path, 1, byUs);
    expect(verdict.faults).toEqual([]);
  });
});
