import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { filesBelow, ROOT } from "./workspace.mjs";

/** Every Markdown file that users read. */
export function documentation() {
  const inFolders = ["docs", "packages", "examples", "interop", "bench", "testkit"].flatMap((one) =>
    filesBelow(join(ROOT, one), (file) => file.endsWith(".md") && basename(file) !== "CHANGELOG.md"),
  );
  return [join(ROOT, "README.md"), join(ROOT, "CONTRIBUTING.md"), ...inFolders];
}

/**
 * @typedef {object} CodeBlock
 * @property {string} file
 * @property {number} line where the block's fence stands, from 1
 * @property {string} language
 * @property {readonly string[]} tags the words after the language
 * @property {string} text
 */

/**
 * The fenced code blocks of one Markdown file.
 * @param {string} file
 * @returns {CodeBlock[]}
 */
export function codeBlocks(file) {
  /** @type {CodeBlock[]} */
  const blocks = [];
  /** @type {{ language: string, tags: string[], line: number, lines: string[] } | undefined} */
  let open;
  for (const [index, line] of readFileSync(file, "utf8").split(/\r?\n/).entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.lines.push(line);
    else if (open === undefined) {
      const [language = "", ...tags] = (fence[1] ?? "").trim().split(/\s+/);
      open = { language, tags, line: index + 1, lines: [] };
    } else {
      blocks.push({ file, line: open.line, language: open.language, tags: open.tags, text: open.lines.join("\n") });
      open = undefined;
    }
  }
  return blocks;
}

/**
 * The file, from the root, whose text a block says to be (`from=<file>`); undefined for a block of its own.
 * @param {CodeBlock} block
 */
export function excerptedFile({ tags }) {
  return tags.find((one) => one.startsWith("from="))?.slice("from=".length);
}

/**
 * Whether whole lines of a file, in one piece, are the text of a block. The block may stand further to the left.
 * @param {string} block
 * @param {string} file
 */
export function isExcerpt(block, file) {
  return ["", "  ", "    "].some((indent) => `\n${file}\n`.includes(`\n${block.replace(/^(?=.)/gm, indent)}\n`));
}
