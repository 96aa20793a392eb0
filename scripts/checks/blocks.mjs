import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { excerptedFile } from "../lib/markdown.mjs";
import { runNode } from "../lib/run.mjs";
import { shown } from "../lib/workspace.mjs";
import { STRICT, typecheck } from "./consumer-types.mjs";
import { single, sum } from "./gate.mjs";

/** @typedef {import("../lib/markdown.mjs").CodeBlock} CodeBlock */

/** Longest that one example of the documentation may take. */
const RUN_TIMEOUT_MS = 60_000;

/**
 * Type-checks every TypeScript block of the documentation as a module of a user's application, and runs those tagged `run`.
 * @param {string} app
 * @param {readonly CodeBlock[]} blocks
 */
export async function checkBlocks(app, blocks) {
  const source = join(app, "blocks");
  mkdirSync(source);
  const modules = asModules(blocks);
  for (const { name, text } of modules) writeFileSync(join(source, `${name}.ts`), `${text}\nexport {};\n`);
  const compilerOptions = { ...STRICT, lib: ["ES2023", "ESNext.Disposable"], types: ["node"] };
  const checked = await typecheck(app, { compilerOptions, include: ["blocks"] });
  const results = [];
  for (const { name, where, text, tagged } of modules) {
    const complaints = checked.output.split("\n").filter((line) => line.startsWith(`blocks/${name}.ts`));
    results.push(single(complaints.length === 0, `${where} does not compile\n${complaints.join("\n")}`));
    if (tagged) results.push(await runBlock(app, name, where, text));
  }
  const explained = results.some((one) => one.failures.length > 0);
  if (checked.code !== 0 && !explained) results.push(single(false, `documentation blocks\n${checked.output}`));
  return sum(results);
}

/**
 * Blocks of one file that say `continue` go on from the block above them.
 * @param {readonly CodeBlock[]} blocks
 */
function asModules(blocks) {
  /** @type {{ name: string, where: string, text: string, tagged: boolean, file: string }[]} */
  const modules = [];
  for (const block of blocks) {
    const { language, tags, text, file, line } = block;
    // A part of a file is no module of its own; it is compiled where it lies.
    if (language !== "ts" || excerptedFile(block) !== undefined) continue;
    const previous = modules.at(-1);
    if (tags.includes("continue") && previous?.file === file) {
      previous.text += `\n${text}`;
      previous.tagged ||= tags.includes("run");
      continue;
    }
    const name = `${shown(file)
      .replace(/[^a-zA-Z0-9]+/g, "-")
      .toLowerCase()}-${line}`;
    modules.push({ name, where: `${shown(file)}:${line}`, text, tagged: tags.includes("run"), file });
  }
  return modules;
}

/**
 * @param {string} app
 * @param {string} name
 * @param {string} where
 * @param {string} text
 */
async function runBlock(app, name, where, text) {
  // Lowers `await using` as well, which Node 20 does not have.
  const { code } = await transform(text, { loader: "ts", format: "esm", target: "node20" });
  const program = join(app, `${name}.mjs`);
  writeFileSync(program, code);
  const cwd = join(app, "cwd", name);
  mkdirSync(cwd, { recursive: true });
  const result = await runNode(program, [], { cwd, timeoutMs: RUN_TIMEOUT_MS });
  return single(result.code === 0, `${where} fails when it is run\n${result.output}`);
}
