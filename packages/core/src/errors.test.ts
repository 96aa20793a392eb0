import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isLSError, LSError } from "./errors.js";

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), "utf8");
const codesOf = (source: string, prefix: string): string[] =>
  [...new Set(source.match(new RegExp(`"${prefix}_[A-Z0-9_]+"`, "g")) ?? [])].map((code) => code.slice(1, -1));

describe("docs/errors.md", () => {
  it("has a section for every code, and for nothing else", () => {
    const codes = [...codesOf(read("errors.ts"), "LS"), ...codesOf(read("../../ltx/src/error.ts"), "LTX")];
    const sections = [...read("../../../docs/errors.md").matchAll(/^### (.+)$/gm)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(20);
    expect(sections.toSorted()).toEqual(codes.toSorted());
  });
});

describe("isLSError", () => {
  it("knows the error of another copy of the module by its brand, and nothing that only looks alike", () => {
    const foreign = Object.assign(new Error("x"), { code: "LS_CONFLICT" });
    expect(isLSError(foreign)).toBe(false);
    Object.defineProperty(foreign, Symbol.for("@ls/core.error"), { value: true });
    expect(isLSError(foreign, "LS_CONFLICT")).toBe(true);
    expect(isLSError(foreign, "LS_LOCKED")).toBe(false);
    expect(isLSError(new LSError("LS_LOCKED", "x"), "LS_LOCKED")).toBe(true);
  });
});
