import { execFile } from "node:child_process";
import { join, resolve as resolvePath } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the programs of this package are. */
export const PROGRAMS: string = join(fileURLToPath(import.meta.url), "..", "..", "programs");

/** Runs one of the programs of this package, or one at an absolute path, to its end and returns the JSON of its last output line. Rejects with its stderr. */
export function runProgram(name: string, args: readonly string[], options: { readonly execPath?: string; readonly timeoutMs: number }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    execFile(
      options.execPath ?? process.execPath,
      [resolvePath(PROGRAMS, name), ...args],
      // NODE_PATH: the package manager's runner makes every installed package resolvable from everywhere.
      { env: { ...process.env, NODE_PATH: "" }, timeout: options.timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 << 20 },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
        else reject(new Error(`${name} failed: ${error.message}\n${stderr.slice(-3000)}\n${stdout.slice(-500)}`, { cause: error }));
      },
    );
  });
}
