import { node24 } from "@ls/node24";
import { skipLoudly, tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { runProgram } from "../src/run-program.js";

const binary = node24();
const skipped = binary === undefined && skipLoudly("Node 24 (npm package node)", "npx pnpm@10 install");

const CASES = ["node:sqlite", "better-sqlite3-13"].flatMap((engine) =>
  (["before", "after"] as const).flatMap((when) =>
    (["main", "thread"] as const).flatMap((where) =>
      (["worker", "inline"] as const).map((host) => ({ engine, other: engine === "node:sqlite" ? "better-sqlite3-13" : "node:sqlite", when, where, host })),
    ),
  ),
);

describe.skipIf(skipped)("two copies of SQLite in one process", () => {
  it.concurrent.each(CASES)("engine on $engine in $host, $other $when it in $where", { timeout: 40_000 }, async (run) => {
    using dir = tempDir("copies");
    const path = dir.file("a.db");
    const app = new Database(path);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    const setup = JSON.stringify({ ...run, path, replicaPath: dir.file("replica") });
    const result = await runProgram("driver-copies.mjs", [setup], { execPath: binary ?? "", timeoutMs: 30_000 });
    app.close();
    expect(result).toMatchObject({ code: "LS_SECOND_SQLITE" });
  });
});
