import { node24 } from "@ls/node24";
import { skipLoudly, tempDir } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { runProgram } from "../src/run-program.js";

interface Run {
  readonly driver: string;
  /** The driver of another process that writes too. */
  readonly secondDriver: string | undefined;
  readonly host: "worker" | "inline";
  /** How the application checkpoints: by itself when it commits, or by command. */
  readonly checkpoint: string;
}

/** Driver of the application, and of the other process where there is one: another one where that Node has two. */
const DRIVERS = [
  ["better-sqlite3", "better-sqlite3"],
  ["better-sqlite3-13", "node:sqlite"],
  ["node:sqlite", "better-sqlite3-13"],
] as const;
const HOSTS = ["worker", "inline"] as const;
const CHECKPOINTS = ["auto", "PASSIVE", "FULL", "RESTART", "TRUNCATE"] as const;

/** Every pair of two values of different columns occurs in at least one run. */
const RUNS: readonly Run[] = CHECKPOINTS.flatMap((checkpoint, c) =>
  DRIVERS.map(([driver, other], d) => ({
    driver,
    checkpoint,
    host: HOSTS[(d + c) % 2] ?? "worker",
    secondDriver: (Math.floor(d / 2) + c) % 2 === 0 ? other : undefined,
  })),
);

const binary = node24();
const without24 = binary === undefined && skipLoudly("Node 24 (npm package node)", "npx pnpm@10 install");

it("the runs cover every pair", () => {
  const columns = [
    DRIVERS.map(
      ([driver]) =>
        (run: Run) =>
          run.driver === driver,
    ),
    HOSTS.map((host) => (run: Run) => run.host === host),
    CHECKPOINTS.map((checkpoint) => (run: Run) => run.checkpoint === checkpoint),
    [true, false].map((second) => (run: Run) => (run.secondDriver !== undefined) === second),
  ];
  for (const [i, column] of columns.entries()) {
    for (const other of columns.slice(i + 1)) {
      for (const a of column) for (const b of other) expect(RUNS.some((run) => a(run) && b(run))).toBe(true);
    }
  }
});

describe.each([
  ["better-sqlite3 12", RUNS.filter((run) => run.driver === "better-sqlite3"), false, process.execPath],
  ["better-sqlite3 13 and node:sqlite on Node 24", RUNS.filter((run) => run.driver !== "better-sqlite3"), without24, binary ?? ""],
] as const)("%s", (_, runs, skipped, execPath) => {
  describe.skipIf(skipped)("page-identical", () => {
    it.each(runs)("$driver in $host, checkpoint $checkpoint, second writer $secondDriver", { timeout: 60_000 }, async (run) => {
      using dir = tempDir("matrix");
      const setup = { ...run, path: dir.file("a.db"), replicaPath: dir.file("replica"), outputPath: dir.file("out.db") };
      // `as`: the program's one line.
      const result = (await runProgram("driver-matrix.mjs", [JSON.stringify(setup)], { execPath, timeoutMs: 50_000 })) as Record<string, number>;
      expect(result).toMatchObject({ differing: [], inSync: true, trouble: [] });
      expect(result.pages).toBeGreaterThan(50);
      expect(result.txid).toBeGreaterThan(5);
      if (run.secondDriver !== undefined) expect(result.secondCommits).toBeGreaterThan(20);
    });
  });
});
