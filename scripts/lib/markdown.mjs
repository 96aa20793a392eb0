import { existsSync, readFileSync } from "node:fs";

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
  if (!existsSync(file)) return blocks;
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
