import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { replicaFiles, seedOf, waitFor } from "@ls/testkit";
import { Writer } from "./app/writer.js";
import type { WriterResult } from "./app/writer-protocol.js";
import { readFlags } from "./common/arguments.js";
import { damageOf } from "./common/expect-restored.js";
import { describeMachine, LOAD_AVERAGE } from "./common/machine.js";
import { cpuSeconds, peakRssBytes } from "./common/process-usage.js";
import { bytesAdded, databaseBytesAt } from "./common/replica-files.js";
import { type RunningReplicator, startOurs, startUpstream } from "./common/replicators.js";
import { publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { median } from "./common/statistics.js";
import { format, markdownTable, megabytes, times } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { WALPeak } from "./common/wal-peak.js";
import { makeDatabase } from "./data/database.js";

/** One very large transaction: what it and the commits after it wait for, and what each replicator takes to bring it into the replica. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    megabytes: { normal: 500, quick: 20, min: 1 },
    // Of the small commits that follow.
    seconds: { normal: 10, quick: 2, min: 1 },
    rate: { normal: 1000, quick: 1000, min: 1 },
    rounds: { normal: 2, quick: 1, min: 1 },
  },
  [],
);
/** Longest wait of a commit, ms: a lock of the writers is held for as long as the end of the WAL takes, not for what stands before it. */
const GOAL_MS = 250;
const ARRIVAL_MS = 120_000;
/** Content repeats after this much; pages are compressed one by one, so nobody gains by it. */
const CONTENT_BYTES = 50e6;

const upstream = await requireUpstream();
const tmp = scratchDirectory();
const seed = seedOf(42);
const bytes = numbers.megabytes * 1e6;

const VARIANTS = ["alone", "ours", "upstream"] as const;
type Variant = (typeof VARIANTS)[number];

/** What a replicator took, from before the transaction until it was in the replica and the small commits were over. */
interface Replication {
  /** From the return of the commit to the first file in the replica that holds it. */
  readonly arrivalSeconds: number;
  readonly cpuSeconds: number;
  /** Of the process from its start. */
  readonly peakRssBytes: number;
  /** Added to the replica, all levels. */
  readonly bytes: number;
  /** Why the replica does not hold what was committed. */
  readonly damage?: string;
}

interface Outcome {
  readonly transactionSeconds: number;
  readonly after: WriterResult;
  readonly walPeakBytes: number;
  readonly replication?: Replication;
}
type Round = Readonly<Record<Variant, Outcome>>;

async function startReplicator(variant: Variant, directory: string, path: string): Promise<RunningReplicator | undefined> {
  if (variant === "ours") return await startOurs(path, join(directory, "replica"));
  if (variant === "upstream") return await startUpstream(upstream.binary, join(directory, "d"), path, join(directory, "replica"));
  return undefined;
}

function cpuOf(replicator: RunningReplicator): number {
  const used = cpuSeconds(replicator.pid);
  if (used === undefined) throw new Error("the replicator ended during the run, or this is not Linux");
  return used;
}

/** Seconds until a file says that the database has the size that only the transaction gives it. */
async function arrival(replicaPath: string): Promise<number> {
  const start = performance.now();
  await waitFor("the transaction's arrival in the replica", ARRIVAL_MS, () =>
    replicaFiles(replicaPath).some((file) => file.level === 0 && databaseBytesAt(file) >= bytes),
  );
  return (performance.now() - start) / 1000;
}

/** The transaction and the commits after it on a new database. Throws when our replica does not hold all of it afterwards; of upstream's it is told. */
async function runVariant(variant: Variant, directory: string): Promise<Outcome> {
  mkdirSync(directory);
  const path = join(directory, "app.db");
  const replicaPath = join(directory, "replica");
  await using writer = await Writer.start(path);
  const replicator = await startReplicator(variant, directory, path);
  try {
    using wal = new WALPeak(path);
    const cpuBefore = replicator === undefined ? 0 : cpuOf(replicator);
    const filesBefore = replicaFiles(replicaPath);
    const { milliseconds } = await writer.transaction({ bytes, contentPath: tmp.file("content") });
    const commits = writer.work({ seconds: numbers.seconds, commitsPerSecond: numbers.rate });
    const [after, arrivalSeconds] = await Promise.all([commits, replicator === undefined ? 0 : arrival(replicaPath)]);
    const outcome = { transactionSeconds: milliseconds / 1000, after, walPeakBytes: wal.bytes };
    if (replicator === undefined) {
      await writer.close();
      return outcome;
    }
    const replication = {
      arrivalSeconds,
      cpuSeconds: cpuOf(replicator) - cpuBefore,
      peakRssBytes: peakRssBytes(replicator.pid),
      bytes: bytesAdded(filesBefore, replicaFiles(replicaPath)),
    };
    await replicator.sync();
    await replicator.stop();
    await writer.close();
    const damage = await damageOf(upstream.binary, {
      replicaPath,
      outputPath: join(directory, "restored.db"),
      sql: "SELECT (SELECT sum(length(data)) FROM piece) + (SELECT count(*) FROM entry)",
      expected: bytes + 2 * after.commits,
    });
    if (damage === undefined) return { ...outcome, replication };
    if (variant === "ours") throw new Error(damage);
    console.log(`round with ${variant}: ${damage}`);
    return { ...outcome, replication: { ...replication, damage } };
  } finally {
    await replicator?.kill();
    rmSync(directory, { recursive: true, force: true });
  }
}

makeDatabase(tmp.file("content"), { pageSize: 4096, bytes: Math.min(bytes, CONTENT_BYTES), kind: "mixed", seed });
const rounds: Round[] = [];
for (let i = 0; i < numbers.rounds; i++) {
  const outcomes = new Map<Variant, Outcome>();
  // Another one goes first in each round.
  for (let k = 0; k < VARIANTS.length; k++) {
    const variant = VARIANTS[(i + k) % VARIANTS.length] ?? "alone";
    const outcome = await runVariant(variant, tmp.file(`${i}${variant[0]}`));
    outcomes.set(variant, outcome);
    console.log(
      `round ${i + 1}, ${variant}: transaction ${format(outcome.transactionSeconds)} s, slowest commit after it ${format(outcome.after.latencyMs.max)} ms, WAL ${megabytes(outcome.walPeakBytes)} MB`,
    );
  }
  // `as`: every variant has run.
  rounds.push(Object.fromEntries(outcomes) as Round);
}

function medianOver(value: (round: Round) => number): number {
  return median(rounds.map(value));
}

/** Of what a replicator took, and `NaN` for nobody. */
function medianReplication(variant: Variant, value: (replication: Replication) => number): number {
  return medianOver(({ [variant]: { replication } }) => (replication === undefined ? Number.NaN : value(replication)));
}

/** Who reads the WAL meanwhile puts off the automatic checkpoint at the end of the transaction; a commit afterwards pays for it. */
function standstillSeconds({ transactionSeconds, after }: Outcome): number {
  return transactionSeconds + after.latencyMs.max / 1000;
}

function standstillOfAlone(variant: Variant): number {
  return medianOver((round) => standstillSeconds(round[variant]) / standstillSeconds(round.alone));
}

const rows = VARIANTS.map((variant) => {
  const of = (value: (outcome: Outcome) => number): number => medianOver((round) => value(round[variant]));
  const replicated = (show: (replication: Replication) => number, text: (value: number) => string): string =>
    variant === "alone" ? "" : text(medianReplication(variant, show));
  return [
    variant,
    format(of((o) => o.transactionSeconds)),
    [of((o) => o.after.latencyMs.p50), of((o) => o.after.latencyMs.p99), of((o) => o.after.latencyMs.max)].map((ms) => format(ms)).join(" / "),
    variant === "alone" ? "" : times(standstillOfAlone(variant)),
    megabytes(Math.max(...rounds.map((round) => round[variant].walPeakBytes))),
    replicated((r) => r.arrivalSeconds, format),
    replicated((r) => r.cpuSeconds, format),
    replicated((r) => r.peakRssBytes, megabytes),
    replicated((r) => r.bytes, megabytes),
    variant === "alone" ? "" : `${rounds.filter((round) => round[variant].replication?.damage === undefined).length} of ${rounds.length}`,
  ];
});
publish(
  {
    name: "transaction",
    machine: describeMachine({ litestream: upstream.version }),
    options: { ...numbers, ...switches, seed },
    goals: [
      { name: "the transaction and the slowest commit after it, beside ours over alone", measured: standstillOfAlone("ours"), atMost: 1 },
      {
        name: `slowest commit after a transaction of ${numbers.megabytes} MB beside ours, ms`,
        measured: Math.max(...rounds.map((round) => round.ours.after.latencyMs.max)),
        atMost: GOAL_MS,
      },
    ],
    data: { loadAverage: LOAD_AVERAGE, rounds },
    table: markdownTable(
      [
        `one transaction of ${numbers.megabytes} MB`,
        "takes s",
        "commits after it p50 / p99 / max ms",
        "both of alone",
        "largest WAL MB",
        "in the replica after s",
        "replicator CPU s",
        "its peak RSS MB",
        "to the replica MB",
        "sound replicas",
      ],
      rows,
    ),
  },
  record,
);
