import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runNode } from "../lib/run.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { ROOT } from "../lib/workspace.mjs";
import { single } from "./gate.mjs";

/** Compiler options of a strict user, who also checks our declarations. */
export const STRICT = {
  target: "ES2022",
  module: "NodeNext",
  moduleResolution: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: false,
};

/**
 * A consumer for workers and browsers, whose `lib` knows nothing newer than ES2022 and who has no Node types, compiles against the declarations.
 * @param {string} app
 */
export async function checkPlainConsumer(app) {
  writeFileSync(join(app, "plain.ts"), `export { restoreTo } from "${SCOPE}/core/restore";\nexport { decodeLTX } from "${SCOPE}/ltx";\n`);
  const result = await typecheck(app, { compilerOptions: { ...STRICT, lib: ["ES2022", "DOM"], types: [] }, files: ["plain.ts"] });
  return single(result.code === 0, `a consumer with lib ES2022 and without the types of Node\n${result.output}`);
}

/**
 * Compiles files of the user's application, which gets the workspace's copies of the type packages.
 * @param {string} app
 * @param {object} config
 */
export async function typecheck(app, config) {
  for (const types of ["node", "better-sqlite3"]) {
    const link = join(app, "node_modules/@types", types);
    mkdirSync(join(app, "node_modules/@types"), { recursive: true });
    rmSync(link, { recursive: true, force: true });
    symlinkSync(realpathSync(join(types === "node" ? ROOT : join(ROOT, "packages/core"), "node_modules/@types", types)), link, "junction");
  }
  writeFileSync(join(app, "tsconfig.json"), JSON.stringify(config));
  return await runNode(join(ROOT, "node_modules/typescript/lib/tsc.js"), ["-p", ".", "--pretty", "false"], { cwd: app });
}
