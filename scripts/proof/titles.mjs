import { readFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, ROOT, shown } from "../lib/workspace.mjs";

/** A title that names entries begins with them in brackets: `[A1, B2] what has to hold`. */
const TITLE = /["'`]\[([A-Q]\d{1,2}(?:, [A-Q]\d{1,2})*)\] /g;

/**
 * The test files that name each entry of the catalogue.
 * @returns {Map<string, Set<string>>}
 */
export function testsByEntry() {
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  for (const folder of ["packages", "interop/test", "testkit"]) {
    for (const file of filesBelow(join(ROOT, folder), (path) => path.endsWith(".test.ts"))) {
      for (const match of readFileSync(file, "utf8").matchAll(TITLE)) {
        for (const id of (match[1] ?? "").split(", ")) {
          const files = found.get(id) ?? new Set();
          found.set(id, files.add(shown(file)));
        }
      }
    }
  }
  return found;
}

/**
 * A pattern for vitest's `-t`: the tests that name one of these.
 * @param {readonly string[]} ids
 */
export function patternFor(ids) {
  return `\\[[^\\]]*\\b(${ids.join("|")})\\b[^\\]]*\\]`;
}
