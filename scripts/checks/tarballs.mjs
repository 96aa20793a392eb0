import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { mapParallel, run, runNode } from "../lib/run.mjs";
import { pnpm, scratchFolder } from "../lib/setup.mjs";
import { filesBelow, publishedPackages, ROOT, shown } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";

/**
 * @typedef {object} Tarball
 * @property {string} name the package's
 * @property {string} file absolute path
 */

/** @type {Promise<{ tarballs: Tarball[], failures: string[] }> | undefined} */
let packed;

/** Packs every published package once, the way `publish` would. */
export function packAll() {
  packed ??= pack();
  return packed;
}

async function pack() {
  const folder = scratchFolder("packed");
  const published = publishedPackages();
  const filters = published.map(({ path }) => `--filter=./${path}`);
  const { code, output } = await pnpm(["--recursive", ...filters, "pack", "--json", "--pack-destination", folder]);
  // npm writes its notices around pnpm's JSON.
  const tarballs = Array.from(output.matchAll(/"name":\s*"([^"]+)",[^{}]*"filename":\s*"([^"]+)"/g), ([, name = "", file = ""]) => ({
    name,
    file: resolve(folder, file),
  }));
  const missing = published.filter(({ name }) => !tarballs.some((one) => one.name === name));
  const failures = code === 0 && missing.length === 0 ? [] : [`pnpm pack failed for ${missing.map(({ path }) => path).join(", ")}\n${output}`];
  return { tarballs, failures };
}

/** @type {Promise<string> | undefined} */
let packedDriver;

/** The workspace's better-sqlite3 with its binary, as a tarball that installs without network and without compiling. */
export function packDriver() {
  packedDriver ??= makeDriverTarball();
  return packedDriver;
}

async function makeDriverTarball() {
  const source = realpathSync(join(ROOT, "packages/core/node_modules/better-sqlite3"));
  const staging = scratchFolder("driver");
  const target = join(staging, "package");
  mkdirSync(target);
  for (const part of ["lib", "build/Release/better_sqlite3.node", "prebuilds"]) {
    if (existsSync(join(source, part))) cpSync(join(source, part), join(target, part), { recursive: true });
  }
  const { name, version, main, license } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  // Version 12 finds its binary through two small packages; 13 needs none.
  const helpers = existsSync(join(source, "prebuilds")) ? [] : ["bindings", "file-uri-to-path"];
  let from = source;
  for (const helper of helpers) {
    from = realpathSync(join(from, "..", helper));
    cpSync(from, join(target, "node_modules", helper), { recursive: true });
  }
  const dependencies = Object.fromEntries(helpers.map((one) => [one, "*"]));
  writeFileSync(join(target, "package.json"), JSON.stringify({ name, version, main, license, dependencies, bundleDependencies: helpers }));
  const file = join(staging, "better-sqlite3.tgz");
  const { code, output } = await run("tar", ["-czf", file, "-C", staging, "package"]);
  if (code !== 0) throw new Error(`packing better-sqlite3: ${output}`);
  return file;
}

/** Each tarball has what its manifest promises, resolves under every module resolution that ESM has, and holds no test and no `Buffer` in a public type. */
export async function checkTarballs() {
  const { tarballs, failures } = await packAll();
  const checked = await mapParallel(tarballs, async ({ name, file }) =>
    sum([await publint(name, file), await attw(name, file), await listing(name, file), declarations(name)]),
  );
  return sum([{ passed: 0, failures }, ...checked]);
}

/**
 * @param {string} name
 * @param {string} file
 */
async function publint(name, file) {
  const result = await runNode(join(ROOT, "node_modules/publint/src/cli.js"), ["run", file, "--strict"], { cwd: ROOT });
  return single(result.code === 0, `publint ${name}\n${result.output}`);
}

/**
 * @param {string} name
 * @param {string} file
 */
async function attw(name, file) {
  const manifest = publishedPackages().find((one) => one.name === name)?.manifest;
  // Entries without types are files for loaders (a worker, a .wasm), not for `import`.
  const untyped = Object.entries(manifest?.exports ?? {}).flatMap(([entry, target]) => (typeof target === "string" ? [entry] : []));
  const excluded = untyped.length === 0 ? [] : ["--exclude-entrypoints", ...untyped];
  const cli = join(ROOT, "node_modules/@arethetypeswrong/cli/dist/index.js");
  const result = await runNode(cli, [file, "--profile", "esm-only", "--no-emoji", "--format", "ascii", ...excluded], { cwd: ROOT });
  return single(result.code === 0, `attw ${name}\n${result.output}`);
}

/**
 * @param {string} name
 * @param {string} file
 */
async function listing(name, file) {
  const { output, code } = await run("tar", ["-tzf", file]);
  const odd = output.split("\n").filter((line) => /\.test\.|\/test\/|tsconfig|vitest/.test(line));
  return single(code === 0 && odd.length === 0 && output.includes("README.md"), `${name}: the tarball holds ${odd.join(", ") || "no README.md"}\n`);
}

/** @param {string} name */
function declarations(name) {
  const folder = publishedPackages().find((one) => one.name === name)?.folder ?? "";
  const bad = filesBelow(join(folder, "dist"), (file) => file.endsWith(".d.ts")).filter((file) =>
    /\bBuffer\b/.test(withoutComments(readFileSync(file, "utf8"))),
  );
  return single(bad.length === 0, `Buffer in a public type: ${bad.map(shown).join(", ")}`);
}

/** @param {string} text */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
}
