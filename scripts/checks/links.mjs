import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { documentation } from "../lib/markdown.mjs";
import { shown } from "../lib/workspace.mjs";
import { single, sum } from "./gate.mjs";

/** Every relative link in the documentation leads to something. */
export async function checkLinks() {
  return sum(documentation().map(checkFile));
}

/** @param {string} file */
function checkFile(file) {
  const prose = readFileSync(file, "utf8").replace(/^```[\s\S]*?^```/gm, "");
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? "");
  const broken = targets.filter((one) => !/^([a-z]+:|#)/.test(one) && !existsSync(join(dirname(file), one.replace(/#.*$/, ""))));
  return single(broken.length === 0, `${shown(file)} links to ${broken.join(", ")}`);
}
