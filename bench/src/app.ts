import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Writer } from "./app/writer.js";
import type { WriterResult } from "./app/writer-protocol.js";
import { readFlags } from "./common/arguments.js";
import { expectRestored } from "./common/expect-restored.js";
import { describeMachine } from "./common/machine.js";
import { cpuSeconds } from "./common/process-usage.js";
import { type RunningReplicator, startOurs, startUpstream } from "./common/replicators.js";
import { type Goal, publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { median } from "./common/statistics.js";
import { format, markdownTable, megabytes, times } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { WALPeak } from "./common/wal-peak.js";

/** What an application gives up for being replicated: its throughput and slowest commits, alone and beside each replicator. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    seconds: { normal: 10, quick: 2, min: 1 },
    rounds: { normal: 5, quick: 1, min: 1 },
    rate: { normal: 1000, quick: 1000, min: 1 },
  },
  [],
);
const upstream = await requireUpstream();
const tmp = scratchDirectory();

/** The default of `maxWalBytes`: a throughput bought with an endless WAL does not count. */
const MAX_WAL_BYTES = 64 * 2 ** 20;

const VARIANTS = ["alone", "ours", "upstream"] as const;
type Variant = (typeof VARIANTS)[number];

interface Outcome extends WriterResult {
  readonly walPeakBytes: number;
  /** Share of one core, 1 = all of it. */
  readonly replicatorCPU: number;
}
type Round = Readonly<Record<Variant, Outcome>>;

async function startReplicator(variant: Variant, directory: string, path: string): Promise<RunningReplicator | undefined> {
  if (variant === "ours") return await startOurs(path, join(directory, "replica"));
  if (variant === "upstream") return await startUpstream(upstream.binary, join(directory, "d"), path, join(directory, "replica"));
  return undefined;
}

/** One writer run on a database of its own. Throws when the replica does not hold every commit afterwards. */
async function runVariant(variant: Variant, commitsPerSecond: number, directory: string): Promise<Outcome> {
  mkdirSync(directory);
  const path = join(directory, "app.db");
  await using writer = await Writer.start(path);
  const replicator = await startReplicator(variant, directory, path);
  try {
    using wal = new WALPeak(path);
    const cpuBefore = replicator === undefined ? 0 : cpuSeconds(replicator.pid);
    const start = performance.now();
    const result = await writer.work({ seconds: numbers.seconds, commitsPerSecond });
    const walPeakBytes = wal.bytes;
    const elapsed = (performance.now() - start) / 1000;
    const cpuAfter = replicator === undefined ? 0 : cpuSeconds(replicator.pid);
    if (cpuBefore === undefined || cpuAfter === undefined) throw new Error(`${variant}: the replicator ended during the run`);
    await replicator?.sync();
    await replicator?.stop();
    await writer.close();
    if (replicator !== undefined) {
      await expectRestored(upstream.binary, {
        replicaPath: join(directory, "replica"),
        outputPath: join(directory, "restored.db"),
        sql: "SELECT count(*) FROM entry",
        expected: 2 * result.commits,
      });
    }
    return { ...result, walPeakBytes, replicatorCPU: (cpuAfter - cpuBefore) / elapsed };
  } finally {
    await replicator?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Load {
  readonly name: string;
  readonly rounds: readonly Round[];
}

async function measureLoad(name: string, commitsPerSecond: number): Promise<Load> {
  const rounds: Round[] = [];
  for (let i = 0; i < numbers.rounds; i++) {
    const outcomes = new Map<Variant, Outcome>();
    // Another one goes first in each round.
    for (let k = 0; k < VARIANTS.length; k++) {
      const variant = VARIANTS[(i + k) % VARIANTS.length] ?? "alone";
      const outcome = await runVariant(variant, commitsPerSecond, tmp.file(`${i}${variant[0]}`));
      outcomes.set(variant, outcome);
      const { p999, max } = outcome.latencyMs;
      console.log(
        `${name}, round ${i + 1}, ${variant}: ${format(outcome.commitsPerSecond, 0)} commits/s, p99.9 ${format(p999)} ms, max ${format(max)} ms, WAL ${megabytes(outcome.walPeakBytes)} MB`,
      );
    }
    // `as`: every variant has run.
    rounds.push(Object.fromEntries(outcomes) as Round);
  }
  return { name, rounds };
}

const loads = [await measureLoad("full speed", 0), await measureLoad(`${numbers.rate} commits/s`, numbers.rate)];

function medianOver({ rounds }: Load, value: (round: Round) => number): number {
  return median(rounds.map(value));
}

/** Median over the rounds of what a variant reached, relative to alone in the same round. */
function throughputRatio(load: Load, variant: Variant): number {
  return medianOver(load, (round) => round[variant].commitsPerSecond / round.alone.commitsPerSecond);
}

const rows = loads.flatMap((load) =>
  VARIANTS.map((variant) => {
    const of = (value: (outcome: Outcome) => number): number => medianOver(load, (round) => value(round[variant]));
    const worst = Math.max(...load.rounds.map((round) => round[variant].latencyMs.max));
    return [
      `${load.name}, ${variant}`,
      format(
        of((o) => o.commitsPerSecond),
        0,
      ),
      variant === "alone" ? "" : times(throughputRatio(load, variant)),
      [of((o) => o.latencyMs.p50), of((o) => o.latencyMs.p99), of((o) => o.latencyMs.p999), of((o) => o.latencyMs.max)].map((ms) => format(ms)).join(" / "),
      format(worst),
      megabytes(Math.max(...load.rounds.map((round) => round[variant].walPeakBytes))),
      variant === "alone" ? "" : `${format(100 * of((o) => o.replicatorCPU), 0)} %`,
    ];
  }),
);
const goals: Goal[] = loads.flatMap((load) => [
  { name: `${load.name}, throughput beside ours over alone`, measured: throughputRatio(load, "ours"), atLeast: load.name === "full speed" ? 1 : 0.99 },
  {
    name: `${load.name}, p99.9 beside ours over alone`,
    measured: medianOver(load, (round) => round.ours.latencyMs.p999 / round.alone.latencyMs.p999),
    atMost: 1,
  },
  {
    name: `${load.name}, largest WAL beside ours in units of maxWalBytes`,
    measured: Math.max(...load.rounds.map((round) => round.ours.walPeakBytes)) / MAX_WAL_BYTES,
    atMost: 2,
  },
]);
publish(
  {
    name: "app",
    machine: describeMachine({ litestream: upstream.version }),
    options: { ...numbers, ...switches },
    goals,
    data: loads,
    table: markdownTable(
      ["application", "commits/s", "of alone", "commit p50 / p99 / p99.9 / max ms", "worst max ms", "largest WAL MB", "replicator CPU"],
      rows,
    ),
  },
  record,
);
