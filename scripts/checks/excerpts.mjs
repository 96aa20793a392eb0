import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { codeBlocks, documentation, excerptedFile, isExcerpt } from "../lib/markdown.mjs";
import { ROOT, shown } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";

/** What the documentation shows as a part of a file is the text of that file: so it is compiled and tested there. */
export async function checkExcerpts() {
  const results = documentation()
    .flatMap(codeBlocks)
    .flatMap((block) => {
      const file = excerptedFile(block);
      return file === undefined ? [] : [check(block, file)];
    });
  return sum(results);
}

/**
 * @param {import("../lib/markdown.mjs").CodeBlock} block
 * @param {string} file
 */
function check({ file: document, line, text }, file) {
  const path = join(ROOT, file);
  return single(existsSync(path) && isExcerpt(text, readFileSync(path, "utf8")), `${shown(document)}:${line} is not the text of ${file}`);
}
