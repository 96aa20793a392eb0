import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findCycles, readModule } from "../lib/imports.mjs";
import { codeBlocks, excerptedFile, isExcerpt } from "../lib/markdown.mjs";
import { renameScope } from "../lib/rename.mjs";
import { run } from "../lib/run.mjs";
import { countTests, faultsOf } from "../lib/vitest.mjs";

/** @type {string} */
let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "scripts-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/**
 * @param {string} name
 * @param {string} text
 */
function file(name, text) {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe("readModule", () => {
  it("tells what is left at run time from what is not", () => {
    file("other.ts", "export const a = 1;");
    const path = file(
      "main.ts",
      [
        'import { readFileSync } from "node:fs";',
        'import type { A } from "types-only";',
        'import { type B, type C } from "types-by-name";',
        'import { type D, e } from "mixed";',
        'export { a } from "./other.js";',
        'export type { F } from "exported-type";',
        'import "side-effect";',
        'const later = () => import("on-demand");',
        "export type G = import('type-query').G;",
        '// import "comment"; Buffer',
        "console.log(e, later, readFileSync);",
      ].join("\n"),
    );
    const { imports, identifiers } = readModule(path);
    expect(imports.map(({ specifier, typeOnly, dynamic }) => `${specifier}${typeOnly ? " type" : ""}${dynamic ? " dynamic" : ""}`)).toEqual([
      "node:fs",
      "types-only type",
      "types-by-name type",
      "mixed",
      "./other.js",
      "exported-type type",
      "side-effect",
      "on-demand dynamic",
      "type-query type",
    ]);
    expect(imports.find((one) => one.specifier === "./other.js")?.file).toBe(join(folder, "other.ts"));
    expect(identifiers.has("Buffer")).toBe(false);
    expect(identifiers.has("readFileSync")).toBe(true);
  });
});

describe("findCycles", () => {
  it("finds loops of any length, and none in a diamond", () => {
    const diamond = new Map(Object.entries({ a: ["b", "c"], b: ["d"], c: ["d"], d: [] }));
    expect(findCycles(diamond)).toEqual([]);
    const loops = new Map(Object.entries({ a: ["b"], b: ["c"], c: ["a"], d: ["d"] }));
    expect(findCycles(loops)).toEqual([
      ["a", "b", "c", "a"],
      ["d", "d"],
    ]);
  });
});

it("codeBlocks gives language, tags and line", () => {
  const path = file("x.md", "text\n```ts run continue\nlet a;\n\nlet b;\n```\n\n```sh\nnpm install x\n```\n");
  expect(codeBlocks(path)).toEqual([
    { file: path, line: 2, language: "ts", tags: ["run", "continue"], text: "let a;\n\nlet b;" },
    { file: path, line: 8, language: "sh", tags: [], text: "npm install x" },
  ]);
});

it("isExcerpt: whole lines in one piece, further to the left or not", () => {
  const text = "class A {\n  b() {\n    c();\n\n    d();\n  }\n}\n";
  for (const part of [text.trimEnd(), "b() {\n  c();", "  b() {\n    c();\n\n    d();", "c();"]) expect(isExcerpt(part, text)).toBe(true);
  for (const part of ["b() {\n  d();", "b() {\nc();", "b()", "class", "c();\nd();"]) expect(isExcerpt(part, text)).toBe(false);
});

it("excerptedFile is what a block says that it is a part of", () => {
  const path = file("x.md", "```ts from=src/a.ts\nlet a;\n```\n```ts run\nlet b;\n```\n");
  expect(codeBlocks(path).map(excerptedFile)).toEqual(["src/a.ts", undefined]);
});

it("renameScope changes the scope alone", () => {
  const before = 'import "@ls/thing"; // @ls and `@ls/*`; mail@ls.example @lsx/thing';
  expect(renameScope(before, "@ls", "@new")).toBe('import "@new/thing"; // @new and `@new/*`; mail@ls.example @lsx/thing');
});

describe("countTests", () => {
  const passed = { status: "passed", fullName: "a works" };

  it("counts by status", () => {
    const assertionResults = [passed, { status: "failed", fullName: "b fails" }, { status: "skipped", fullName: "c waits" }];
    const counts = countTests([{ name: "x.test.ts", status: "failed", assertionResults }]);
    expect(counts).toEqual({ passed: 1, failures: ["b fails"], skipped: ["c waits"] });
  });

  it("a file that does not load is a failure", () => {
    const files = [{ name: "x.test.ts", status: "failed", message: "SyntaxError", assertionResults: [] }];
    expect(countTests(files).failures).toEqual(["x.test.ts: SyntaxError"]);
  });
});

describe("faultsOf", () => {
  const sound = { failures: [] };

  it("an error outside of every test is a fault", () => {
    expect(faultsOf(1, [sound])).toHaveLength(1);
    expect(faultsOf(0, [sound])).toHaveLength(0);
    expect(faultsOf(1, [sound, { failures: ["a test"] }])).toHaveLength(0);
  });
});

describe("run", () => {
  it("gives exit code and output", async () => {
    const result = await run(process.execPath, ["-e", "console.log('out'); console.error('err'); process.exit(3)"]);
    expect(result.code).toBe(3);
    expect(result.output).toContain("out");
    expect(result.output).toContain("err");
  });

  it("stops a program that takes too long", async () => {
    const result = await run(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { timeoutMs: 200 });
    expect(result.timedOut).toBe(true);
    expect(result.code).toBe(1);
  });

  it("does not throw for a program that does not exist", async () => {
    expect((await run("no-such-program-here", [])).code).not.toBe(0);
  });
});
