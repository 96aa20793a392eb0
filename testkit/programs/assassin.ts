import { parentPort } from "node:worker_threads";

/** A thread that kills its process while the main thread is inside a call of SQLite and cannot be reached. */
parentPort?.once("message", ({ trigger, withinMs }: { trigger: Int32Array; withinMs: number }) => {
  parentPort?.postMessage("ready");
  Atomics.wait(trigger, 0, 0);
  const end = performance.now() + Math.random() * withinMs;
  while (performance.now() < end);
  process.kill(process.pid, "SIGKILL");
});
