import { join } from "node:path";
import ts from "typescript";
import { filesBelow, ROOT, shown } from "./workspace.mjs";

/**
 * The configurations that say the same to the compiler, in one program: it reads the library, Node's types and the sources that they share once.
 * @typedef {object} Program
 * @property {ts.CompilerOptions} options
 * @property {readonly Configuration[]} configurations
 *
 * @typedef {object} Configuration
 * @property {string} name of the folder, from the root
 * @property {readonly string[]} files
 */

/**
 * Every tsconfig.json of the repository, by the compiler options.
 * @returns {Program[]}
 */
export function programs() {
  /** @type {Map<string, { options: ts.CompilerOptions, configurations: Configuration[] }>} */
  const found = new Map();
  for (const path of filesBelow(ROOT, (file) => file.endsWith("tsconfig.json"))) {
    const { options, fileNames } = readConfiguration(path);
    const { configFilePath, pathsBasePath, ...said } = options;
    const key = JSON.stringify(said);
    const program = found.get(key) ?? { options, configurations: [] };
    found.set(key, program);
    program.configurations.push({ name: shown(join(path, "..")), files: fileNames });
  }
  return [...found.values()];
}

/** @param {string} path */
function readConfiguration(path) {
  const fail = (/** @type {ts.Diagnostic} */ one) => {
    throw new Error(text([one]));
  };
  const parsed = ts.getParsedCommandLineOfConfigFile(path, {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: fail });
  if (parsed === undefined || parsed.errors.length > 0) throw new Error(text(parsed?.errors ?? []));
  return parsed;
}

/**
 * What the compiler says against each configuration of a program, empty where it says nothing. A file that several load is checked where it belongs.
 * @param {readonly Program[]} all
 * @param {number} index of the program
 */
export function complaints(all, index) {
  const { options = {}, configurations = [] } = all[index] ?? {};
  const program = ts.createProgram({ rootNames: configurations.flatMap((one) => one.files), options });
  const owned = new Set(all.flatMap((one) => one.configurations.flatMap(({ files }) => files)));
  const check = (/** @type {readonly (ts.SourceFile | undefined)[]} */ files) =>
    text(ts.sortAndDeduplicateDiagnostics(files.flatMap((file) => ts.getPreEmitDiagnostics(program, file))));
  const strays = program.getSourceFiles().filter((file) => !file.isDeclarationFile && !owned.has(file.fileName));
  return [
    ...configurations.map(({ name, files }) => ({ name, output: check(files.map((file) => program.getSourceFile(file))) })),
    ...strays.map((file) => ({ name: shown(file.fileName), output: check([file]) })),
  ];
}

/** @param {readonly ts.Diagnostic[]} diagnostics */
function text(diagnostics) {
  return ts.formatDiagnostics(diagnostics, { getCanonicalFileName: (name) => name, getCurrentDirectory: () => ROOT, getNewLine: () => "\n" });
}
