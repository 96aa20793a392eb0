import { readFileSync } from "node:fs";

/** The kernel's unit of CPU time in /proc, on every Linux port that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * The largest resident set of a process so far; 0 when it is gone or the kernel does not tell. Not `ru_maxrss`: that one starts at what
 * the parent had when it forked.
 */
export function peakRssBytes(pid: number | "self"): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readProc(pid, "status"))?.[1];
  return kib === undefined ? 0 : Number(kib) * 1024;
}

/** CPU time of a running process so far, all threads, in seconds; `undefined` when it is gone or the kernel does not tell. */
export function cpuSeconds(pid: number): number | undefined {
  return parseCPUSeconds(readProc(pid, "stat"), "own");
}

/**
 * Reads a `/proc/<pid>/stat` line: the process's own CPU time, or that of its children that have ended and been waited for,
 * theirs included.
 */
export function parseCPUSeconds(stat: string, of: "own" | "children"): number | undefined {
  // The command name stands in parentheses and may hold anything: fields count from the last one. The first field after it is number 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const first = of === "own" ? 14 : 16;
  const ticks = Number(fields[first - 3]) + Number(fields[first - 2]);
  return Number.isFinite(ticks) ? ticks / TICKS_PER_SECOND : undefined;
}

function readProc(pid: number | "self", file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
