import { existsSync } from "node:fs";
import { join } from "node:path";
import { mapParallel, runNode } from "../lib/run.mjs";
import { ROOT, shown, workspacePackages } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";

/** Every package and the scripts compile under the strict settings. */
export async function checkTypes() {
  const folders = [...workspacePackages().map((one) => one.folder), join(ROOT, "scripts")].filter((one) => existsSync(join(one, "tsconfig.json")));
  return sum(await mapParallel(folders, typecheck));
}

/** @param {string} folder */
async function typecheck(folder) {
  const result = await runNode(join(ROOT, "node_modules/typescript/lib/tsc.js"), ["-p", "."], { cwd: folder });
  return single(result.code === 0, `${shown(folder)}\n${result.output}`);
}
