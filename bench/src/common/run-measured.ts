import { spawn } from "node:child_process";
import { withDeadline } from "@ls/testkit";
import { parseCPUSeconds, peakRssBytes } from "./process-usage.js";

const POLL_MS = 20;

/** What one command used from start to exit. */
export interface Usage {
  readonly wallSeconds: number;
  /** Of the process and every child it waited for, in steps of 10 ms. */
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
}

export interface MeasureOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** The command is killed, and the call rejects, when it has not ended after this time. */
  readonly deadlineMs: number;
  /** For a command that goes on by itself: SIGTERM as soon as this answers true. */
  readonly stopWhen?: () => boolean;
}

// The shell waits for the command, so the kernel adds what the command used to the shell's children time; Node reaps its own
// children before anybody could look. Descriptor 3 carries the command's pid and that line. SIGTERM to the shell kills the command.
const WRAPPER = '"$@" 3>&- & pid=$!; trap \'kill -9 "$pid"\' TERM; echo "$pid" >&3; wait "$pid"; code=$?; cat "/proc/$$/stat" >&3; exit "$code"';

/** Runs a command to its end and measures it. Rejects when it fails. */
export async function runMeasured(command: string, args: readonly string[], options: MeasureOptions): Promise<Usage> {
  const start = performance.now();
  const shell = spawn("/bin/sh", ["-c", WRAPPER, "sh", command, ...args], {
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let output = "";
  let report = "";
  let peak = 0;
  let stopping = false;
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-4000);
  };
  shell.stdout?.on("data", keep);
  shell.stderr?.on("data", keep);
  shell.stdio[3]?.on("data", (chunk: Buffer) => {
    report += chunk.toString("utf8");
  });
  const poll = setInterval(() => {
    const pid = Number(report.split("\n", 1)[0]);
    if (!(pid > 0)) return;
    peak = Math.max(peak, peakRssBytes(pid));
    if (!stopping && options.stopWhen?.() === true) {
      stopping = true;
      process.kill(pid, "SIGTERM");
    }
  }, POLL_MS);
  const kill = (): void => {
    shell.kill("SIGTERM");
  };
  process.once("exit", kill);
  const closed = new Promise<number | null>((resolve, reject) => {
    shell.once("error", reject);
    shell.once("close", resolve);
  });
  try {
    const code = await withDeadline(`the end of ${command} ${args.join(" ")}`, options.deadlineMs, closed);
    const wallSeconds = (performance.now() - start) / 1000;
    if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${output}`);
    const cpu = parseCPUSeconds(report.slice(report.indexOf("\n") + 1), "children");
    if (cpu === undefined) throw new Error("this benchmark needs Linux: no CPU time in /proc");
    return { wallSeconds, cpuSeconds: cpu, peakRssBytes: peak };
  } finally {
    clearInterval(poll);
    process.off("exit", kill);
    kill();
  }
}
