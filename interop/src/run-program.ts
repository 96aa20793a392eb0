import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAMS = join(fileURLToPath(import.meta.url), "..", "..", "programs");

/** Runs one of the programs of this package to its end and returns the JSON of its last output line. Rejects with its stderr. */
export function runProgram(name: string, args: readonly string[], options: { readonly execPath?: string; readonly timeoutMs: number }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    execFile(
      options.execPath ?? process.execPath,
      [join(PROGRAMS, name), ...args],
      { timeout: options.timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 << 20 },
      (error, stdout, stderr) => {
        if (error === null) resolve(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
        else reject(new Error(`${name} failed: ${error.message}\n${stderr.slice(-3000)}\n${stdout.slice(-500)}`, { cause: error }));
      },
    );
  });
}
