import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { withDeadline } from "@ls/testkit";
import type { Run } from "./serve-runs.js";
import { median } from "./statistics.js";

const RUN_MS = 180_000;

/** A fresh process that repeats one operation on request and measures itself (`serveRuns`, or `ltxbench`). */
export class Series implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #what: string;
  readonly #output: string | undefined;
  readonly #exited: Promise<unknown>;

  /** @param output the file or directory that each repetition writes, if it leaves one. */
  constructor(what: string, output: string | undefined, command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#what = what;
    this.#output = output;
    const child = spawn(command, [...args], { env, stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once("exit", resolve);
      child.once("error", resolve);
    });
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** One repetition, into a new file: to empty a file of dirty pages takes tens of milliseconds, and is not what is measured. */
  async run(): Promise<Run> {
    if (this.#output !== undefined) rmSync(this.#output, { recursive: true, force: true });
    this.#child.stdin?.write("run\n");
    // `as`: what both programs print.
    return (await this.#nextLine()) as Run;
  }

  /** Ends the process; its peak resident set. */
  async finish(): Promise<{ readonly peakRssBytes: number }> {
    this.#child.stdin?.end();
    // `as`: what both programs print at the end.
    const last = (await this.#nextLine()) as { peakRssBytes: number };
    await withDeadline(`the end of ${this.#what}`, RUN_MS, this.#exited);
    return last;
  }

  async #nextLine(): Promise<unknown> {
    const { value, done } = await withDeadline(this.#what, RUN_MS, this.#lines.next());
    if (done === true) throw new Error(`${this.#what} ended early (exit code ${this.#child.exitCode})`);
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGKILL");
    await this.#exited;
  }
}

export interface SeriesResult {
  /** What does not count: compilers and caches get warm. The first one is cold. */
  readonly warmUp: readonly [Run, ...Run[]];
  readonly runs: readonly Run[];
  readonly peakRssBytes: number;
}

export interface Pair {
  readonly ours: SeriesResult;
  readonly peer: SeriesResult;
}

export interface Repetitions {
  /** Before those that count, 1 or more. */
  readonly warmUp: number;
  readonly runs: number;
}

/** Repeats two series in turn (A B A B …), so that a slow minute of the machine hits both. */
export async function alternate(ours: Series, peer: Series, { warmUp, runs }: Repetitions): Promise<Pair> {
  await using a = ours;
  await using b = peer;
  const [firstA, firstB] = [await a.run(), await b.run()];
  const [restA, restB]: [Run[], Run[]] = [[], []];
  for (let i = 1; i < warmUp + runs; i++) {
    restA.push(await a.run());
    restB.push(await b.run());
  }
  const result = (first: Run, rest: readonly Run[], end: { readonly peakRssBytes: number }): SeriesResult => ({
    warmUp: [first, ...rest.slice(0, warmUp - 1)],
    runs: rest.slice(warmUp - 1),
    ...end,
  });
  return { ours: result(firstA, restA, await a.finish()), peer: result(firstB, restB, await b.finish()) };
}

export interface Ratio {
  /** Median wall time of the peer over ours. */
  readonly wall: number;
  /** The same for CPU time. */
  readonly cpu: number;
  /** Smallest and largest ratio of one pair. */
  readonly range: readonly [number, number];
}

export function compare({ ours, peer }: Pair): Ratio {
  const wall = (runs: readonly Run[]): number => median(runs.map((run) => run.wallMs));
  const cpu = (runs: readonly Run[]): number => median(runs.map((run) => run.cpuMs));
  const pairs = ours.runs.map((run, i) => (peer.runs[i]?.wallMs ?? Number.NaN) / run.wallMs);
  return { wall: wall(peer.runs) / wall(ours.runs), cpu: cpu(peer.runs) / cpu(ours.runs), range: [Math.min(...pairs), Math.max(...pairs)] };
}
