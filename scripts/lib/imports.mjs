import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

/**
 * @typedef {object} ImportedModule
 * @property {string} specifier as written
 * @property {boolean} typeOnly nothing of it remains at run time
 * @property {boolean} dynamic `import()`: loaded when that line runs
 * @property {string | undefined} file the source file behind a relative specifier
 *
 * @typedef {object} SourceModule
 * @property {string} path absolute
 * @property {readonly ImportedModule[]} imports
 * @property {ReadonlySet<string>} identifiers every name that occurs in its code
 */

/**
 * @param {string} path absolute path of a TypeScript file
 * @returns {SourceModule}
 */
export function readModule(path) {
  const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.ES2022, true);
  /** @type {ImportedModule[]} */
  const imports = [];
  /** @type {Set<string>} */
  const identifiers = new Set();
  const add = (/** @type {ts.Expression} */ literal, /** @type {boolean} */ typeOnly, /** @type {boolean} */ dynamic) => {
    if (!ts.isStringLiteralLike(literal)) return;
    imports.push({ specifier: literal.text, typeOnly, dynamic, file: resolveRelative(path, literal.text) });
  };
  const visit = (/** @type {ts.Node} */ node) => {
    if (ts.isIdentifier(node)) identifiers.add(node.text);
    else if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, importsTypesOnly(node.importClause), false);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) add(node.moduleSpecifier, exportsTypesOnly(node), false);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword && node.arguments[0] !== undefined) {
      add(node.arguments[0], false, true);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) {
      add(node.argument.literal, true, false);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return { path, imports, identifiers };
}

/** @param {ts.ImportClause | undefined} clause */
function importsTypesOnly(clause) {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.length > 0 && bindings.elements.every((one) => one.isTypeOnly);
}

/** @param {ts.ExportDeclaration} declaration */
function exportsTypesOnly(declaration) {
  if (declaration.isTypeOnly) return true;
  const clause = declaration.exportClause;
  return clause !== undefined && ts.isNamedExports(clause) && clause.elements.length > 0 && clause.elements.every((one) => one.isTypeOnly);
}

/**
 * @param {string} from
 * @param {string} specifier
 */
function resolveRelative(from, specifier) {
  if (!specifier.startsWith(".")) return undefined;
  const base = join(dirname(from), specifier);
  const candidates = [base.replace(/\.js$/, ".ts"), base.replace(/\.js$/, ".tsx"), base];
  return candidates.find((one) => existsSync(one));
}

/**
 * Loops in a graph of modules, each reported once as the path around it.
 * @param {ReadonlyMap<string, readonly string[]>} edges
 * @returns {string[][]}
 */
export function findCycles(edges) {
  /** @type {string[][]} */
  const cycles = [];
  /** @type {Set<string>} */
  const finished = new Set();
  /** @type {string[]} */
  const trail = [];
  const walk = (/** @type {string} */ node) => {
    const at = trail.indexOf(node);
    if (at >= 0) {
      cycles.push([...trail.slice(at), node]);
      return;
    }
    if (finished.has(node)) return;
    trail.push(node);
    for (const next of edges.get(node) ?? []) walk(next);
    trail.pop();
    finished.add(node);
  };
  for (const node of edges.keys()) walk(node);
  return cycles;
}
