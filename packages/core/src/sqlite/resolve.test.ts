import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadedBinary } from "../../test/native-binary.js";
import { sourceChild } from "../../test/source-child.js";
import { isLSError, type LSErrorCode } from "../errors.js";
import { nodeSQLiteSupported } from "./node-sqlite.js";
import { driverFromSpec, resolveDriver } from "./resolve.js";

const ROOT = dirname(createRequire(import.meta.url).resolve("better-sqlite3/package.json"));
const MODULE = realpathSync(join(ROOT, "lib/index.js"));
new Database(":memory:").close();
const BINARY = loadedBinary();

let directory: string;
beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "ls-resolve-")));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A program whose `better-sqlite3` is the package at `target`; returns its file, to resolve from. */
function program(name: string, target?: string): string {
  mkdirSync(join(directory, name, "node_modules"), { recursive: true });
  if (target !== undefined) symlinkSync(target, join(directory, name, "node_modules", "better-sqlite3"));
  return join(directory, name, "main.js");
}

/** A package that calls itself better-sqlite3 of some version, and exports `code`. */
function fakePackage(name: string, version: string, code: string): string {
  const root = join(directory, "packages", name);
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "package.json"), JSON.stringify({ name: "better-sqlite3", version, main: "index.js" }));
  writeFileSync(join(root, "index.js"), code);
  return root;
}

function failure(call: () => unknown): { code: LSErrorCode; message: string; details: Readonly<Record<string, unknown>> } {
  try {
    call();
  } catch (error) {
    if (isLSError(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("resolveDriver", () => {
  it("takes the given constructor, and finds the binary it runs on", () => {
    const driver = resolveDriver(Database, [program("none")]);
    expect(driver).toMatchObject({ name: "better-sqlite3", spec: { modulePath: MODULE, nativeBinding: BINARY } });
    expect(driver.sqliteVersion).toBe(new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get());
  });

  it("finds core's own, or the program's", () => {
    expect(resolveDriver(undefined).spec).toEqual({ name: "better-sqlite3", modulePath: MODULE, nativeBinding: BINARY });
    expect(resolveDriver(undefined, [program("without"), program("with", ROOT)]).spec).toMatchObject({ modulePath: MODULE });
    expect(resolveDriver(undefined, ["-", program("with-too", ROOT)]).spec).toMatchObject({ modulePath: MODULE });
  });

  it.runIf(!nodeSQLiteSupported())("says what to do when there is none", async () => {
    const child = sourceChild(
      { resolve: join(import.meta.dirname, "resolve.ts") },
      `try { resolve.resolveDriver(undefined, [data]); } catch (error) { say([error.code, error.message]); }`,
      program("empty"),
    );
    expect(await child.next()).toEqual(["LS_DRIVER_REQUIRED", expect.stringContaining('install "better-sqlite3"')]);
    expect(await child.exited).toBe(0);
  });

  it("names both when the program has another one than core", () => {
    const other = fakePackage("other", "12.0.0", "module.exports = class {};");
    const error = failure(() => resolveDriver(undefined, [program("one", ROOT), program("two", other)]));
    expect(error.code).toBe("LS_SECOND_SQLITE");
    expect(error.details.paths).toEqual([MODULE, join(other, "index.js")]);
  });

  it.each([
    ["a string", "better-sqlite3"],
    ["another class", class {}],
    ["null", null],
  ])("refuses %s as driver", (_, value) => {
    expect(failure(() => resolveDriver(value)).code).toBe("LS_INVALID_OPTION");
  });

  it("refuses a package that is not what it says, or does not load", () => {
    const wrong = fakePackage("wrong", "12.0.0", "module.exports = class {};");
    expect(failure(() => resolveDriver(undefined, [program("wrong-program", wrong)])).code).toBe("LS_DRIVER_REQUIRED");
    const broken = fakePackage("broken", "12.0.0", "throw new Error('no binary for this platform');");
    expect(failure(() => resolveDriver(undefined, [program("broken-program", broken)])).code).toBe("LS_DRIVER_REQUIRED");
  });

  it.runIf(Number(process.versions.napi) < 10)("does not load better-sqlite3 13 where it would crash the process", () => {
    const thirteen = fakePackage("thirteen", "13.0.0", "process.abort();");
    const error = failure(() => resolveDriver(undefined, [program("new", thirteen)]));
    expect(error.code).toBe("LS_DRIVER_REQUIRED");
    expect(error.message).toContain("22.14");
  });

  it("runs without a module that a worker could load, as in a bundle", async () => {
    const renamed = join(directory, "in-a-bundle.node");
    copyFileSync(BINARY, renamed);
    const child = sourceChild(
      { resolve: join(import.meta.dirname, "resolve.ts") },
      `const Database = require("better-sqlite3");
      new Database(":memory:", { nativeBinding: data.renamed }).close();
      const driver = resolve.resolveDriver(Database, [data.program]);
      const connection = driver.open(data.renamed + ".db", { create: true });
      say([driver.spec ?? null, connection.row("SELECT sqlite_version() AS v").v === driver.sqliteVersion]);`,
      { renamed, program: program("bundle") },
    );
    expect(await child.next()).toEqual([null, true]);
    expect(await child.exited).toBe(0);
  });

  it("opens the copy that is mapped, not the package's default, and refuses a second one", async () => {
    const renamed = join(directory, "bundled.node");
    copyFileSync(BINARY, renamed);
    const child = sourceChild(
      { resolve: join(import.meta.dirname, "resolve.ts"), copies: join(import.meta.dirname, "loaded-copies.ts") },
      `const Database = require("better-sqlite3");
      new Database(":memory:", { nativeBinding: data }).close();
      const driver = resolve.resolveDriver(undefined);
      say([driver.spec.nativeBinding, copies.loadedSQLiteCopies().length]);
      new Database(":memory:").close();
      try { resolve.resolveDriver(undefined); } catch (error) { say(error.code); }`,
      renamed,
    );
    expect(await child.next()).toEqual([renamed, 1]);
    expect(await child.next()).toBe("LS_SECOND_SQLITE");
    expect(await child.exited).toBe(0);
  });
});

describe("driverFromSpec", () => {
  it("gives the same copy", () => {
    const { spec } = resolveDriver(Database);
    if (spec === undefined) throw new Error("no spec");
    const driver = driverFromSpec(spec);
    expect(driver.spec).toEqual({ name: "better-sqlite3", modulePath: MODULE, nativeBinding: BINARY });
    const connection = driver.open(join(directory, "created.db"), { create: true });
    connection.exec("CREATE TABLE t (a)");
    connection.close();
  });

  it("says when the binary is gone", () => {
    const spec = { name: "better-sqlite3", modulePath: MODULE, nativeBinding: join(directory, "gone.node") } as const;
    expect(failure(() => driverFromSpec(spec)).code).toBe("LS_DRIVER_REQUIRED");
  });
});
