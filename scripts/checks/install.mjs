import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../lib/run.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { shown } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";
import { packDriver } from "./tarballs.mjs";

/** @typedef {import("./tarballs.mjs").Tarball} Tarball */

/**
 * Runs every `npm install` line of the documentation that names our packages.
 * @param {string} folder
 * @param {readonly import("../lib/markdown.mjs").CodeBlock[]} blocks
 * @param {readonly Tarball[]} tarballs
 */
export async function checkInstallLines(folder, blocks, tarballs) {
  /** @type {Map<string, string>} */
  const lines = new Map();
  for (const { language, text, file } of blocks) {
    if (!["sh", "bash", "shell"].includes(language)) continue;
    for (const line of text.split("\n")) {
      const command = line.replace(/#.*$/, "").trim();
      if (command.startsWith("npm install ") && command.includes(`${SCOPE}/`)) lines.set(command, shown(file));
    }
  }
  if (lines.size === 0) return single(false, "no README has an install line");
  const results = [];
  let count = 0;
  for (const [line, file] of lines) {
    const names = line
      .split(/\s+/)
      .slice(2)
      .filter((one) => !one.startsWith("-"));
    const { code, output } = await install(join(folder, `install-${count++}`), names, tarballs);
    results.push(single(code === 0, `${file}: ${line}\n${output}`));
  }
  return sum(results);
}

/**
 * `npm install`, each name replaced by what the registry would hold: our tarballs (with those that they depend on) or the workspace's copy.
 * @param {string} folder
 * @param {readonly string[]} names
 * @param {readonly Tarball[]} tarballs
 */
export async function install(folder, names, tarballs) {
  mkdirSync(folder, { recursive: true });
  const driver = { name: "better-sqlite3", file: await packDriver() };
  const sources = names.map((name) => [...tarballs, driver].find((one) => one.name === name)?.file);
  if (sources.some((one) => one === undefined)) return { code: 1, output: `not a package of this workspace: ${names.join(" ")}`, timedOut: false };
  // Dependencies among our own packages: on npm the registry answers for them, here an override does.
  const overrides = Object.fromEntries(tarballs.filter((one) => !names.includes(one.name)).map((one) => [one.name, `file:${one.file}`]));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module", overrides }));
  // `as`: undefined was refused above.
  const args = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", .../** @type {string[]} */ (sources)];
  return await run("npm", args, { cwd: folder, timeoutMs: 60_000 });
}
