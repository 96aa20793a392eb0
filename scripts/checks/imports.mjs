import { join, sep } from "node:path";
import { findCycles, readModule } from "../lib/imports.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { filesBelow, publishedPackages, shown } from "../lib/workspace.mjs";

/** @typedef {import("../lib/imports.mjs").SourceModule} SourceModule */

/**
 * Rooms of core that know no runtime: they, and all that they load, hold no `node:` import and no `Buffer`.
 * A reader in a worker or browser gets exactly these.
 */
const PURE_ROOMS = [
  /^packages\/core\/src\/(replica-client|registry|levels|errors|logger|options)\.ts$/,
  /^packages\/core\/src\/([a-z-]+\/)*plan(ner)?(-[a-z-]+)?\.ts$/,
  /^packages\/core\/src\/restore\/(restore-to|fetch|merge|apply)\.ts$/,
  /^packages\/core\/src\/metrics\/(index|families|prometheus)\.ts$/,
];

/**
 * Import arrows, purity and cycles of the published packages' sources (tests may import what they like).
 * `ltx <- core <- backend-*`: nothing points back and backends never import one another.
 * @returns {Promise<import("./gate.mjs").GateResult>}
 */
export async function checkImports() {
  /** @type {Map<string, SourceModule>} */
  const modules = new Map();
  /** @type {string[]} */
  const failures = [];
  for (const one of publishedPackages()) {
    for (const path of filesBelow(join(one.folder, "src"), (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))) {
      const module = readModule(path);
      modules.set(path, module);
      failures.push(...arrowFaults(one.path, module));
    }
  }
  for (const path of modules.keys()) {
    const name = shown(path);
    if (name.startsWith("packages/ltx/")) failures.push(...impureParts(path, modules));
    else if (PURE_ROOMS.some((room) => room.test(name))) failures.push(...impureParts(path, modules));
  }
  const edges = new Map([...modules].map(([path, { imports }]) => [path, imports.flatMap((one) => (one.file === undefined ? [] : [one.file]))]));
  for (const cycle of findCycles(edges)) failures.push(`import cycle: ${cycle.map(shown).join(" -> ")}`);
  const unique = [...new Set(failures)];
  return { passed: Math.max(modules.size - unique.length, 0), failures: unique };
}

/**
 * @param {string} packagePath
 * @param {SourceModule} module
 */
function arrowFaults(packagePath, { path, imports }) {
  return imports.flatMap((one) => {
    const complaint = arrowFault(packagePath, path, one);
    return complaint === undefined ? [] : [`${shown(path)} imports "${one.specifier}": ${complaint}`];
  });
}

/**
 * @param {string} packagePath
 * @param {string} path
 * @param {import("../lib/imports.mjs").ImportedModule} imported
 */
function arrowFault(packagePath, path, { specifier, typeOnly, file }) {
  if (specifier.startsWith(".")) {
    if (file === undefined) return "there is no such file";
    if (!shown(file).startsWith(`${packagePath}/`)) return "relative imports stay inside their package";
    return file.endsWith(".test.ts") ? "code does not import tests" : undefined;
  }
  if (!specifier.startsWith(`${SCOPE}/`)) return undefined;
  const room = packagePath.split("/")[1] ?? "";
  if (room === "ltx") return "ltx imports no other package";
  if (room === "core") return specifier === `${SCOPE}/ltx` ? undefined : "core imports only ltx";
  if (room.startsWith("backend-")) {
    if (specifier === `${SCOPE}/ltx` || specifier === `${SCOPE}/core/backend-kit`) return undefined;
    if (specifier === `${SCOPE}/core` && typeOnly) return undefined;
    return "a backend imports ltx, core/backend-kit and core's types, nothing else of this workspace";
  }
  return path.includes(`${sep}src${sep}`) && /\/(testkit|bench|interop)$/.test(specifier) ? "private packages are not for published code" : undefined;
}

/**
 * What keeps a module, or a module that it loads, from running without Node.
 * @param {string} root
 * @param {ReadonlyMap<string, SourceModule>} modules
 */
function impureParts(root, modules) {
  /** @type {string[]} */
  const faults = [];
  /** @type {Set<string>} */
  const seen = new Set();
  const walk = (/** @type {string} */ path) => {
    const module = modules.get(path);
    if (module === undefined || seen.has(path)) return;
    seen.add(path);
    const via = path === root ? "" : ` (loaded by ${shown(root)})`;
    for (const name of ["Buffer", "process"]) if (module.identifiers.has(name)) faults.push(`${shown(path)} uses ${name}, but has to be free of Node${via}`);
    for (const { specifier, typeOnly, dynamic, file } of module.imports) {
      if (typeOnly || dynamic) continue;
      if (specifier.startsWith("node:")) faults.push(`${shown(path)} imports ${specifier}, but has to be free of Node${via}`);
      if (file !== undefined) walk(file);
    }
  };
  walk(root);
  return faults;
}
