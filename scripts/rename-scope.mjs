// `node scripts/rename-scope.mjs @new`: renames the npm scope of every package, in code, manifests and documentation.
import { readFileSync, writeFileSync } from "node:fs";
import { renameScope, scopedFiles } from "./lib/rename.mjs";
import { SCOPE } from "./lib/scope.mjs";

const [to] = process.argv.slice(2);
if (to === undefined || !/^@[a-z0-9][a-z0-9-]*$/.test(to)) {
  console.error("usage: node scripts/rename-scope.mjs @new-scope");
  process.exit(2);
}
let changed = 0;
for (const file of scopedFiles()) {
  const before = readFileSync(file, "utf8");
  const after = renameScope(before, SCOPE, to);
  if (after === before) continue;
  writeFileSync(file, after);
  changed += 1;
}
console.log(`${SCOPE} is ${to} in ${changed} files. Now: npx -y pnpm@10.34.9 install --lockfile-only, then npm test.`);
