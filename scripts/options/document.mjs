import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../lib/workspace.mjs";
import { collectOptions, urlParameters } from "./collect.mjs";
import { renderOptions } from "./render.mjs";

const PATH = join(ROOT, "docs/options.md");

/** What docs/options.md has to be, and what the docstrings lack for it. */
export function optionsReference() {
  const { packages, faults } = collectOptions();
  return { text: renderOptions(packages, urlParameters()), faults };
}

/** @param {string} text */
export function isCommitted(text) {
  return readFileSync(PATH, "utf8") === text;
}

/** @param {string} text */
export function writeReference(text) {
  writeFileSync(PATH, text);
}
