import { readFileSync } from "node:fs";
import { scopedFiles } from "../lib/rename.mjs";
import { SCOPE } from "../lib/scope.mjs";
import { shown, workspacePackages } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";

/** Every package, and every mention of one, carries the one scope that `node scripts/rename-scope.mjs` knows. */
export async function checkScope() {
  const packages = workspacePackages();
  const names = packages.map((one) => one.name.split("/")[1]).join("|");
  const mention = new RegExp(`@[a-z][a-z0-9-]*/(?:${names})(?![\\w-])`, "g");
  const results = packages.map((one) => single(one.name.startsWith(`${SCOPE}/`), `${one.path}: ${one.name} is not in ${SCOPE}`));
  for (const file of scopedFiles()) {
    const text = readFileSync(file, "utf8");
    const foreign = (text.match(mention) ?? []).filter((one) => !one.startsWith(`${SCOPE}/`));
    if (foreign.length > 0) results.push(single(false, `${shown(file)}: ${foreign.join(", ")} is in another scope`));
  }
  return sum(results);
}
