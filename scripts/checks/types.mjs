import { Worker } from "node:worker_threads";
import { programs } from "../lib/programs.mjs";
import { mapParallel } from "../lib/run.mjs";
import { single, sum } from "./gate.mjs";

/** Every package, its tests and the scripts compile under the strict settings. */
export async function checkTypes() {
  const complaints = await mapParallel([...programs().keys()], compile);
  return sum(complaints.flat().map(({ name, output }) => single(output === "", `${name}\n${output}`)));
}

/**
 * Compiles in a thread of its own: it keeps a core busy for a while.
 * @param {number} index of the program
 * @returns {Promise<ReturnType<typeof import("../lib/programs.mjs").complaints>>}
 */
function compile(index) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./types-worker.mjs", import.meta.url), { workerData: index });
    worker.once("message", resolve).once("error", reject);
    worker.once("exit", () => reject(new Error("the compiler ended without a result")));
  });
}
