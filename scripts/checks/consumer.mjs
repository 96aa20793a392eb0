import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, transform } from "esbuild";
import { codeBlocks, documentation } from "../lib/markdown.mjs";
import { run, runNode } from "../lib/run.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { ROOT, shown } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";
import { packAll, packDriver } from "./tarballs.mjs";

/** @typedef {import("../lib/markdown.mjs").CodeBlock} CodeBlock */

/** Longest that one example of a README may take. */
const RUN_TIMEOUT_MS = 60_000;

/**
 * What a user gets: the install lines of the READMEs with the packed tarballs, in a folder outside the workspace; there every
 * TypeScript block of the documentation is type-checked, those tagged `run` are run, and bundles for readers are made.
 * Needs no network: better-sqlite3 comes from the workspace's own copy.
 */
export async function checkConsumer() {
  const { tarballs, failures } = await packAll();
  if (failures.length > 0) return { passed: 0, failures: ["nothing to install: packing failed"] };
  const folder = mkdtempSync(join(tmpdir(), "consumer-"));
  try {
    const blocks = documentation().flatMap(codeBlocks);
    const installs = await checkInstallLines(folder, blocks, tarballs);
    const app = join(folder, "app");
    const prepared = await install(app, [...tarballs.map((one) => one.name), "better-sqlite3"], tarballs);
    if (prepared.code !== 0) return sum([installs, single(false, `npm install of all tarballs failed\n${prepared.output}`)]);
    return sum([installs, await checkBlocks(app, blocks), await checkOldConsumer(app), ...(await checkBundles(app))]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} folder
 * @param {readonly CodeBlock[]} blocks
 * @param {readonly import("./tarballs.mjs").Tarball[]} tarballs
 */
async function checkInstallLines(folder, blocks, tarballs) {
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
 * @param {readonly import("./tarballs.mjs").Tarball[]} tarballs
 */
async function install(folder, names, tarballs) {
  mkdirSync(folder, { recursive: true });
  const driver = { name: "better-sqlite3", file: await packDriver() };
  const sources = names.map((name) => [...tarballs, driver].find((one) => one.name === name)?.file);
  if (sources.some((one) => one === undefined)) return { code: 1, output: `not a package of this workspace: ${names.join(" ")}`, timedOut: false };
  // Dependencies among our own packages: on npm the registry answers for them, here an override does.
  const overrides = Object.fromEntries(tarballs.filter((one) => !names.includes(one.name)).map((one) => [one.name, `file:${one.file}`]));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "consumer", private: true, type: "module", overrides }));
  // `as`: undefined was refused above.
  const args = ["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error", .../** @type {string[]} */ (sources)];
  return await run("npm", args, { cwd: folder, timeoutMs: 60_000 });
}

/**
 * @param {string} app
 * @param {readonly CodeBlock[]} blocks
 */
async function checkBlocks(app, blocks) {
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
  for (const { language, tags, text, file, line } of blocks) {
    if (language !== "ts") continue;
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

const STRICT = {
  target: "ES2022",
  module: "NodeNext",
  moduleResolution: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: false,
};

/** A consumer for workers and browsers, whose `lib` knows nothing newer than ES2022 and who has no Node types, compiles against the declarations. */
async function checkOldConsumer(/** @type {string} */ app) {
  writeFileSync(join(app, "plain.ts"), `export { restoreTo } from "${SCOPE}/core/restore";\nexport { decodeLTX } from "${SCOPE}/ltx";\n`);
  const result = await typecheck(app, { compilerOptions: { ...STRICT, lib: ["ES2022", "DOM"], types: [] }, files: ["plain.ts"] });
  return single(result.code === 0, `a consumer with lib ES2022 and without the types of Node\n${result.output}`);
}

/**
 * @param {string} app
 * @param {object} config
 */
async function typecheck(app, config) {
  for (const types of ["node", "better-sqlite3"]) {
    const link = join(app, "node_modules/@types", types);
    mkdirSync(join(app, "node_modules/@types"), { recursive: true });
    rmSync(link, { recursive: true, force: true });
    symlinkSync(realpathSync(join(types === "node" ? ROOT : join(ROOT, "packages/core"), "node_modules/@types", types)), link, "junction");
  }
  writeFileSync(join(app, "tsconfig.json"), JSON.stringify(config));
  return await runNode(join(ROOT, "node_modules/typescript/lib/tsc.js"), ["-p", ".", "--pretty", "false"], { cwd: app });
}

/** What must not reach a reader's bundle, each as it survives minification of names. */
const ENGINE_MARKS = ["wal_checkpoint", "better-sqlite3", "BEGIN IMMEDIATE", "worker_threads", "journal_mode"];

/** @param {string} app */
async function checkBundles(app) {
  const withTarget = await bundle(app, `export { restore } from "${SCOPE}/core/restore"; import "${SCOPE}/backend-file";`, "node");
  const pure = await bundle(app, `export { restoreTo } from "${SCOPE}/core/restore";`, "neutral");
  const codec = await bundle(app, `export * from "${SCOPE}/ltx";`, "neutral");
  return [
    // restore() may load a driver that the caller has for its integrity check, so of the marks only the engine's count.
    without(
      "restore() and the file backend",
      withTarget,
      ENGINE_MARKS.filter((one) => one !== "better-sqlite3" && one !== "journal_mode"),
    ),
    without("restoreTo()", pure, [...ENGINE_MARKS, '"node:', "Buffer."]),
    without(`${SCOPE}/ltx`, codec, [...ENGINE_MARKS, '"node:', "Buffer."]),
  ];
}

/**
 * @param {string} app
 * @param {string} contents
 * @param {"node" | "neutral"} platform
 */
async function bundle(app, contents, platform) {
  try {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: app, sourcefile: "probe.js" },
      bundle: true,
      write: false,
      format: "esm",
      platform,
      target: "es2022",
      external: ["node:*"],
      logLevel: "silent",
    });
    return outputFiles.map((one) => one.text).join("\n");
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/**
 * @param {string} what
 * @param {string | Error} text
 * @param {readonly string[]} marks
 */
function without(what, text, marks) {
  if (text instanceof Error) return single(false, `bundle of ${what}: ${text.message}`);
  const found = marks.filter((one) => text.includes(one));
  return single(found.length === 0, `bundle of ${what} contains ${found.join(", ")}`);
}
