import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {string} version
 * @property {boolean} [private]
 * @property {Record<string, string>} [scripts]
 * @property {Record<string, unknown>} [exports]
 *
 * @typedef {object} WorkspacePackage
 * @property {string} name
 * @property {string} folder absolute
 * @property {string} path relative to the root, with forward slashes
 * @property {Manifest} manifest
 */

/** Every package of the workspace, published ones first, in the order in which they build on each other. */
export function workspacePackages() {
  const folders = ["packages/ltx", "packages/core", ...list("packages"), "testkit", ...list("examples"), "interop", "interop/node24", "bench"];
  /** @type {Map<string, WorkspacePackage>} */
  const found = new Map();
  for (const path of folders) {
    const folder = join(ROOT, path);
    const file = join(folder, "package.json");
    if (found.has(path) || !existsSync(file)) continue;
    const manifest = readManifest(file);
    found.set(path, { name: manifest.name, folder, path, manifest });
  }
  return [...found.values()];
}

/** The packages that are meant for npm. */
export function publishedPackages() {
  return workspacePackages().filter((one) => one.manifest.private !== true);
}

/**
 * @param {string} file
 * @returns {Manifest}
 */
function readManifest(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** @param {string} folder */
function list(folder) {
  const absolute = join(ROOT, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute)
    .sort()
    .map((name) => `${folder}/${name}`);
}

/**
 * Every file below a folder of the repository, build output and dependencies left out.
 * @param {string} folder absolute
 * @param {(path: string) => boolean} wanted
 * @returns {string[]} absolute paths, sorted
 */
export function filesBelow(folder, wanted) {
  /** @type {string[]} */
  const files = [];
  if (!existsSync(folder)) return files;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules" || entry.name === "dist" || entry.name === ".turbo") continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...filesBelow(path, wanted));
    else if (wanted(path)) files.push(path);
  }
  return files.sort();
}

/**
 * A path as people read it: from the root, with forward slashes.
 * @param {string} path
 */
export function shown(path) {
  return relative(ROOT, path).replaceAll("\\", "/");
}
