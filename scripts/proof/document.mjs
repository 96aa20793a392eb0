import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../lib/workspace.mjs";
import { CATALOGUE, ELSEWHERE, LEFT_OUT, SECTIONS } from "./catalogue.mjs";
import { MUTATIONS } from "./mutations.mjs";
import { testsByEntry } from "./titles.mjs";

const PATH = join(ROOT, "docs/proof.md");
const BEGIN = "<!-- begin: written by `pnpm mutations --document` -->";
const END = "<!-- end -->";

/** Whether docs/proof.md holds the tables that follow from catalogue, tests and mutations. */
export function isDocumented() {
  const text = readFileSync(PATH, "utf8");
  return text === withTables(text);
}

export function document() {
  writeFileSync(PATH, withTables(readFileSync(PATH, "utf8")));
}

/** @param {string} text */
function withTables(text) {
  const [before, rest = ""] = text.split(BEGIN);
  return `${before}${BEGIN}\n\n${tables()}\n${END}${rest.split(END)[1] ?? "\n"}`;
}

function tables() {
  const tests = testsByEntry();
  return Object.entries(SECTIONS)
    .map(([letter, name]) => {
      const rows = Object.entries(CATALOGUE)
        .filter(([id]) => id.startsWith(letter))
        .map(([id, what]) => row(id, what, tests.get(id)));
      return `## ${letter}. ${name}\n\n| entry | what went wrong upstream | test | broken to prove it |\n|---|---|---|---|\n${rows.join("\n")}\n`;
    })
    .join("\n");
}

/**
 * @param {string} id
 * @param {string} what
 * @param {Set<string> | undefined} tests
 */
function row(id, what, tests) {
  const reason = LEFT_OUT[id] ?? ELSEWHERE[id];
  const files = [...(tests ?? [])].sort().map((path) => `[${path.split("/").at(-1)}](../${path})`);
  const broken = MUTATIONS.filter((one) => one.ids.includes(id)).map((one) => `[${one.file.split("/").at(-1)}](../${one.file})`);
  return `| ${id} | ${what} | ${[...files, ...(reason === undefined ? [] : [`*${reason}*`])].join(", ")} | ${[...new Set(broken)].join(", ")} |`;
}
