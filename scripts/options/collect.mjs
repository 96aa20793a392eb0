import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";
import { publishedPackages, shown } from "../lib/workspace.mjs";

/** Exported interfaces that are options by their name, and those that stand inside others. */
const IS_OPTIONS = /(?:Options|Limits)$|^(?:BodyRange|CompactionLevel|S3Credentials)$/;
/** A default ends with its sentence, or where it says what 0 means. */
const DEFAULT = /(?:^|\s)Default(?::| is)? (.+?)(?:\.(?=\s|$)|; (?=0 = ))/;
const UNIT = "(?: ?(?:ms|bytes|[KMG]iB))?";
const NUMBER = `\\d[\\d,]*${UNIT}`;
const RANGE = new RegExp(`[,:] ((?:0, or )?${NUMBER}(?: or more| to (?:${NUMBER}|2\\^\\d+(?: - 1)?|one day|one week|ten years)))(?=[.;:,]|$)`);

/**
 * @typedef {object} Option
 * @property {string} name
 * @property {string} type
 * @property {boolean} isRequired
 * @property {string} byDefault empty = nothing: it is required
 * @property {string} range empty = not a number
 * @property {string} meaning
 *
 * @typedef {object} OptionsInterface
 * @property {string} name
 * @property {string} meaning
 * @property {readonly string[]} bases names of the interfaces whose options it has too
 * @property {readonly Option[]} options
 *
 * @typedef {object} PackageOptions
 * @property {string} name of the package
 * @property {readonly OptionsInterface[]} interfaces
 */

/**
 * The option interfaces that the published packages export, each once, and what is missing in their docstrings.
 * @returns {{ packages: readonly PackageOptions[], faults: readonly string[] }}
 */
export function collectOptions() {
  /** @type {string[]} */
  const faults = [];
  const sources = publishedPackages().map((one) => ({ name: one.name, entries: entriesOf(one) }));
  const program = programOf(sources.flatMap(({ entries }) => entries));
  const checker = program.getTypeChecker();
  const packages = sources.map(({ name, entries }) => {
    /** @type {Set<ts.InterfaceDeclaration>} */
    const found = new Set();
    for (const entry of entries) {
      const file = program.getSourceFile(entry);
      const module = file && checker.getSymbolAtLocation(file);
      if (module === undefined) throw new Error(`${shown(entry)} exports nothing`);
      for (const symbol of checker.getExportsOfModule(module)) {
        if (!IS_OPTIONS.test(symbol.name)) continue;
        const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
        for (const declaration of target.declarations ?? []) if (ts.isInterfaceDeclaration(declaration)) found.add(declaration);
      }
    }
    const interfaces = [...found].map((declaration) => interfaceOf(declaration, faults));
    return { name, interfaces: interfaces.sort((a, b) => (a.name < b.name ? -1 : 1)) };
  });
  return { packages: packages.filter(({ interfaces }) => interfaces.length > 0), faults };
}

/** @param {import("../lib/workspace.mjs").WorkspacePackage} one */
function entriesOf({ folder, manifest }) {
  return Object.values(manifest.exports ?? {}).flatMap((conditions) => {
    const source = typeof conditions === "object" && conditions !== null && "@ls/source" in conditions ? conditions["@ls/source"] : undefined;
    return typeof source === "string" ? [join(folder, source)] : [];
  });
}

/**
 * Only our own files are read: what they import from elsewhere says nothing about options, and takes seconds.
 * @param {readonly string[]} entries
 */
function programOf(entries) {
  const options = { noLib: true, types: [], target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
  const host = ts.createCompilerHost(options);
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) => ({
      resolvedModule: text.startsWith(".")
        ? { resolvedFileName: resolve(dirname(from), text.replace(/\.js$/, ".ts")), extension: ts.Extension.Ts, isExternalLibraryImport: false }
        : undefined,
    }));
  return ts.createProgram(entries, options, host);
}

/**
 * @param {ts.InterfaceDeclaration} declaration
 * @param {string[]} faults gets what its docstrings lack
 * @returns {OptionsInterface}
 */
function interfaceOf(declaration, faults) {
  const name = declaration.name.text;
  const fault = (/** @type {string} */ what) => faults.push(`${shown(declaration.getSourceFile().fileName)}: ${what}`);
  const meaning = documentationOf(declaration);
  if (meaning === "") fault(`${name} has no docstring`);
  const options = declaration.members.filter(ts.isPropertySignature).map((member) => optionOf(member, (what) => fault(`${name}.${what}`)));
  return { name, meaning, bases: (declaration.heritageClauses ?? []).flatMap(({ types }) => types.map((one) => one.getText())), options };
}

/**
 * @param {ts.PropertySignature} member
 * @param {(what: string) => void} fault
 * @returns {Option}
 */
function optionOf(member, fault) {
  const name = member.name.getText();
  const type = (member.type?.getText() ?? "unknown")
    .replace(/\s+/g, " ")
    .replace(/ \| undefined$/, "")
    .replace(/^\((\(.*)\)$/, "$1");
  const isRequired = member.questionToken === undefined;
  const text = documentationOf(member);
  const byDefault = DEFAULT.exec(text)?.[1] ?? "";
  const withoutDefault = text.replace(DEFAULT, " ").trim();
  const [match = "", range = ""] = RANGE.exec(withoutDefault) ?? [];
  const meaning = sentence(withoutDefault.replace(match, ""));
  if (meaning === "") fault(`${name}: no docstring says what it means`);
  else if (!isRequired && byDefault === "") fault(`${name}: its docstring does not say "Default …"`);
  else if (type === "number" && range === "") fault(`${name}: its docstring does not say its range, as in ", 1 to 64" or ": 0, or 10 ms to one week"`);
  return { name, type, isRequired, byDefault, range, meaning };
}

/** @param {string} text what is left of a docstring */
function sentence(text) {
  const trimmed = text.replace(/^[,;:.\s]+/, "").trim();
  return trimmed === "" ? "" : trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}

/** @param {ts.Node} node */
function documentationOf(node) {
  const [doc] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc);
  const text = doc === undefined ? "" : (ts.getTextOfJSDocComment(doc.comment) ?? "");
  return text
    .replace(/\{@link ([^}]+)\}/g, "`$1`")
    .replace(/\s+/g, " ")
    .trim();
}

/**
 * The query parameters of `s3://` URLs, with the option that each sets.
 * @returns {readonly { parameter: string, option: string }[]}
 */
export function urlParameters() {
  const folder = publishedPackages().find((one) => one.path === "packages/backend-s3")?.folder ?? "";
  const path = join(folder, "src/url.ts");
  const file = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ESNext, true);
  const declarations = file.statements.filter(ts.isVariableStatement).flatMap((one) => one.declarationList.declarations);
  const table = declarations.find((one) => one.name.getText() === "PARAMETERS")?.initializer;
  if (table === undefined || !ts.isObjectLiteralExpression(table)) throw new Error(`${shown(path)} has no table PARAMETERS`);
  return table.properties.map((one) => ({ parameter: one.name?.getText() ?? "", option: /option: "(\w+)"/.exec(one.getText())?.[1] ?? "" }));
}
