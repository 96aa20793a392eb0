import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT, workspacePackages } from "../lib/workspace.mjs";

/**
 * A copy of the working tree in a temporary directory, with its build output and the installed dependencies of this one: what is broken in it
 * touches nothing else.
 * @returns {{ readonly root: string, remove(): void }}
 */
export function copyRepository() {
  const root = mkdtempSync(join(tmpdir(), "ls-mutations-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], { cwd: ROOT, maxBuffer: 1 << 28 }).toString();
  for (const path of new Set(listed.split("\0"))) {
    if (path === "" || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(join(ROOT, path), join(root, path), { verbatimSymlinks: true });
  }
  // Dependencies, and the other implementations that tests compare with.
  for (const folder of ["node_modules", ".peers"]) if (existsSync(join(ROOT, folder))) symlinkSync(join(ROOT, folder), join(root, folder));
  for (const { path } of workspacePackages()) {
    // Links in a package's node_modules are relative: they lead to the packages of the copy.
    for (const folder of [`${path}/node_modules`, `${path}/dist`]) {
      if (existsSync(join(ROOT, folder))) cpSync(join(ROOT, folder), join(root, folder), { recursive: true, verbatimSymlinks: true });
    }
  }
  return { root, remove: () => rmSync(root, { recursive: true, force: true }) };
}
