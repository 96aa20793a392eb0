import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { node24 } from "@ls/node24";
import { skipLoudly, tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { PROGRAMS, runProgram } from "../src/run-program.js";

const require = createRequire(import.meta.url);
const binary = node24();
const skipped = binary === undefined && skipLoudly("Node 24 (npm package node)", "npx pnpm@10 install");

describe.skipIf(skipped)("databases that cannot be replicated", () => {
  it.each(["better-sqlite3-13", "node:sqlite"])("are told apart with %s", { timeout: 60_000 }, async (driver) => {
    using dir = tempDir("states");
    const holder = spawn(process.execPath, [join(PROGRAMS, "lock-holder.mjs"), dir.path], { stdio: ["pipe", "pipe", "inherit"] });
    await once(holder.stdout, "data");
    const result = await runProgram("driver-states.mjs", [driver, dir.path], { execPath: binary ?? "", timeoutMs: 50_000 });
    holder.stdin.end();
    await once(holder, "exit");
    expect(result).toEqual({
      absent: ["LS_NOT_READY", "absent", null],
      empty: ["LS_NOT_READY", "empty", null],
      junk: ["LS_NOT_A_DATABASE", null, null],
      directory: ["LS_NOT_A_DATABASE", null, null],
      rollback: ["LS_NOT_READY", "not-wal", null],
      exclusive: ["LS_NOT_READY", "locked-exclusive", null],
      odd: "replicated",
      locked: ["LS_LOCKED", null, 2 ** 60],
    });
    // Nothing was created under a name that a URI would make of it.
    expect(readdirSync(dir.path).filter((name) => name.startsWith("a "))).toEqual(["a ?mode=ro&x#y%41 ü:.db"]);
  });
});

/** A program beside copies of the packages, whose `better-sqlite3` is the one at `target`, or none; returns the program's file. */
function installed(root: string, target?: string): string {
  const modules = join(root, "node_modules");
  mkdirSync(join(modules, "@ls"), { recursive: true });
  for (const name of ["core", "ltx", "backend-file"]) {
    const from = dirname(require.resolve(`@ls/${name}/package.json`));
    cpSync(join(from, "package.json"), join(modules, "@ls", name, "package.json"));
    cpSync(join(from, "dist"), join(modules, "@ls", name, "dist"), { recursive: true });
  }
  const core = dirname(require.resolve("@ls/core/package.json"));
  cpSync(join(core, "node_modules", "picomatch"), join(modules, "picomatch"), { recursive: true, dereference: true });
  if (target !== undefined) symlinkSync(target, join(modules, "better-sqlite3"));
  cpSync(join(PROGRAMS, "driver-default.mjs"), join(root, "main.mjs"));
  return join(root, "main.mjs");
}

describe.skipIf(skipped)("the driver that is found without the option", () => {
  const thirteen = dirname(require.resolve("better-sqlite3-13/package.json"));
  it.each<[string, string | undefined, string, object]>([
    ["none installed: node:sqlite", undefined, "", { opened: "opened", nodeSQLite: true, mapped: 0 }],
    ["better-sqlite3 installed: that, and node:sqlite stays unloaded", thirteen, "", { opened: "opened", nodeSQLite: false, mapped: 1 }],
    [
      "better-sqlite3 installed, node:sqlite in use: that, and nothing is mapped beside it",
      thirteen,
      "node:sqlite",
      { opened: "opened", nodeSQLite: true, mapped: 0 },
    ],
  ])("%s", { timeout: 40_000 }, async (_, target, first, expected) => {
    using dir = tempDir("default");
    const app = new Database(dir.file("a.db"));
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a)");
    const result = await runProgram(installed(dir.path, target), [dir.file("a.db"), dir.file("replica"), first], { execPath: binary ?? "", timeoutMs: 30_000 });
    app.close();
    expect(result).toEqual(expected);
  });
});

it.runIf(Number(process.versions.node.split(".")[0]) < 22)("on Node 20 there is none without better-sqlite3", { timeout: 40_000 }, async () => {
  using dir = tempDir("default");
  const result = await runProgram(installed(dir.path), [dir.file("a.db"), dir.file("replica")], { timeoutMs: 30_000 });
  expect(result).toEqual({ opened: "LS_DRIVER_REQUIRED", nodeSQLite: false, mapped: 0 });
});
