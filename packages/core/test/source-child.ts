import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A process that runs a script over modules of `src`: what only another process can do or suffer. */
export interface SourceChild {
  readonly process: ChildProcess;
  /** The next value the script told with `say(value)`. Rejects when the process ends first. */
  next(): Promise<unknown>;
  /** Answers the script's `await heard()`. */
  go(): void;
  /** Exit code or signal. */
  readonly exited: Promise<number | string>;
}

/**
 * @param modules name → absolute path of a module of `src`; the script sees each under its name.
 * @param script body of an async function; beside `modules` it has `require` (as core has it), `say(value)`, `await heard()`, `data`, and
 * `await thread(script, data)`, which runs another script in a thread to its end.
 * @param limits `descriptors`: how many the process may have open.
 */
export function sourceChild(modules: Readonly<Record<string, string>>, script: string, data?: unknown, limits?: { readonly descriptors: number }): SourceChild {
  const main = join(import.meta.dirname, "source-child-main.mjs");
  // NODE_PATH: the package manager's runner makes every installed package resolvable from everywhere.
  const env = { ...process.env, NODE_PATH: "" };
  const command = [process.execPath, main, JSON.stringify({ modules, script, data })];
  const limited = limits === undefined ? command : ["sh", "-c", `ulimit -n ${limits.descriptors} && exec "$0" "$@"`, ...command];
  const child = spawn(limited[0] ?? "", limited.slice(1), { stdio: ["pipe", "pipe", "inherit"], env });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    process: child,
    async next() {
      const line = await lines.next();
      if (line.done === true) throw new Error("the process ended without another line");
      return JSON.parse(line.value);
    },
    go: () => void child.stdin.write("\n"),
    exited: new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal ?? "unknown"))),
  };
}
