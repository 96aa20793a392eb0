import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./workspace.mjs";

/** Files that may name the scope: all that git knows, or would, except the lock file, which the package manager writes. */
export function scopedFiles() {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 26 });
  return listed
    .split("\n")
    .filter((one) => /\.(m?[jt]s|json|md|ya?ml|html)$|(^|\/)LICENSE$/.test(one) && one !== "pnpm-lock.yaml")
    .map((one) => join(ROOT, one))
    .filter((one) => existsSync(one));
}

/**
 * Puts another scope in the place of the present one, wherever it stands as a word of its own.
 * @param {string} text
 * @param {string} from such as `@ls`
 * @param {string} to
 */
export function renameScope(text, from, to) {
  return text.replace(new RegExp(`(?<![\\w.])${from}(?![\\w-])`, "g"), to);
}
