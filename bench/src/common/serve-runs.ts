import { createInterface } from "node:readline";
import { peakRssBytes } from "./process-usage.js";

/** One repetition as a child measured it. */
export interface Run {
  readonly wallMs: number;
  /** CPU time of the whole process, every thread. */
  readonly cpuMs: number;
}

/**
 * The child's side of a {@link Series}: runs `work` once per line of stdin and answers each with one line of JSON; at the end of stdin
 * prints the peak resident set.
 */
export async function serveRuns(work: () => void | Promise<void>): Promise<void> {
  for await (const _line of createInterface({ input: process.stdin })) {
    const cpuBefore = process.cpuUsage();
    const start = performance.now();
    await work();
    const wallMs = performance.now() - start;
    const cpu = process.cpuUsage(cpuBefore);
    console.log(JSON.stringify({ wallMs, cpuMs: (cpu.user + cpu.system) / 1000 } satisfies Run));
  }
  console.log(JSON.stringify({ peakRssBytes: peakRssBytes("self") }));
}
