import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";

/**
 * @typedef {object} Finished
 * @property {number} code exit code; 1 when a signal ended the program or it could not be started
 * @property {string} output what it printed, both streams in order of arrival; empty with `inherit`
 * @property {boolean} timedOut
 *
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env]
 * @property {boolean} [inherit] let the program write to our terminal
 * @property {number} [timeoutMs] default 10 minutes
 * @property {boolean} [group] puts the program into a process group of its own, so that the time limit ends what it has started as well; Ctrl-C
 *   does not reach it then
 */

/**
 * Runs a program to its end. Never rejects: what went wrong is in the result.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<Finished>}
 */
export function run(command, args, options = {}) {
  const { cwd = process.cwd(), env = childEnvironment(), inherit = false, timeoutMs = 600_000, group = false } = options;
  return new Promise((resolve) => {
    // npm and npx are shell scripts on Windows; arguments here never hold spaces or quotes from outside.
    const shell = process.platform === "win32" && !command.includes("\\");
    const detached = group && process.platform !== "win32";
    const stdio = inherit ? "inherit" : "pipe";
    const child = spawn(command, args, { cwd, env, shell, detached, stdio: ["ignore", stdio, stdio] });
    let output = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      if (detached && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    }, timeoutMs);
    const collect = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString("utf8");
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", (error) => {
      clearTimeout(timer);
      resolve({ code: 1, output: `${output}${error.message}\n`, timedOut });
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output: timedOut ? `${output}\nstopped after ${timeoutMs / 1000} s\n` : output, timedOut });
    });
  });
}

/**
 * Runs a JavaScript program with this Node.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 */
export function runNode(file, args, options) {
  return run(process.execPath, [file, ...args], options);
}

/** Our environment without what npm adds to its scripts: a package manager started from here shall not think it is part of that script. */
export function childEnvironment() {
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (/^npm_(package|lifecycle|command|node_execpath)/.test(name)) delete env[name];
  }
  return { ...env, TURBO_TELEMETRY_DISABLED: "1", DO_NOT_TRACK: "1" };
}

/**
 * Maps with at most one task per core at a time, results in the order of the items.
 * @template T, R
 * @param {readonly T[]} items
 * @param {(item: T) => Promise<R>} task
 * @returns {Promise<R[]>}
 */
export async function mapParallel(items, task) {
  /** @type {R[]} */
  const results = new Array(items.length);
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      // `as`: index is below items.length.
      results[index] = await task(/** @type {T} */ (items[index]));
    }
  };
  await Promise.all(Array.from({ length: Math.min(items.length, availableParallelism()) }, lane));
  return results;
}
