import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Random, seedOf, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { readFlags } from "./common/arguments.js";
import { describeMachine } from "./common/machine.js";
import { type RunningReplicator, startOurs, startUpstream } from "./common/replicators.js";
import { type Goal, publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { latencies } from "./common/statistics.js";
import { format, markdownTable } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { ArrivalWatch } from "./latency/arrival-watch.js";

/** Commit to file in the replica: how old the oldest commit is that a lost disk would take along. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    seconds: { normal: 30, quick: 3, min: 1 },
    rounds: { normal: 2, quick: 1, min: 1 },
    // On average; the gaps are random, so that no timer is in step with the commits.
    rate: { normal: 5, quick: 10, min: 1 },
  },
  [],
);
const upstream = await requireUpstream();
const random = new Random(seedOf(42));
const tmp = scratchDirectory();
/** Commits that are not in the replica this long after the last one are lost. */
const ARRIVAL_MS = 30_000;

type Start = (directory: string, path: string, replicaPath: string) => Promise<RunningReplicator>;
const VARIANTS: Readonly<Record<string, Start>> = {
  "ours, default (1 s)": (_, path, replicaPath) => startOurs(path, replicaPath),
  "upstream, default (1 s)": (directory, path, replicaPath) => startUpstream(upstream.binary, directory, path, replicaPath),
  "ours, 100 ms": (_, path, replicaPath) => startOurs(path, replicaPath, { syncIntervalMs: 100 }),
  "upstream, 100 ms": (directory, path, replicaPath) => startUpstream(upstream.binary, directory, path, replicaPath, "100ms"),
  "ours, 10 ms": (_, path, replicaPath) => startOurs(path, replicaPath, { syncIntervalMs: 10 }),
  "ours, 0 (at once)": (_, path, replicaPath) => startOurs(path, replicaPath, { syncIntervalMs: 0 }),
};

/** Commits at random moments; milliseconds from each commit to the first file that holds it. */
async function runVariant(start: Start, directory: string): Promise<number[]> {
  mkdirSync(directory);
  const path = join(directory, "app.db");
  const replicaPath = join(directory, "replica");
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = NORMAL");
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, mark TEXT)");
  const insert = db.prepare("INSERT INTO note(mark) VALUES (?)");
  const replicator = await start(join(directory, "d"), path, replicaPath);
  try {
    using watch = new ArrivalWatch(join(replicaPath, "ltx", "0"));
    const end = performance.now() + numbers.seconds * 1000;
    for (let n = 0; performance.now() < end; n++) {
      const mark = `mark-${String(n).padStart(8, "0")};`;
      insert.run(mark);
      watch.expect(mark, performance.now());
      await sleep((-Math.log(1 - random.float()) * 1000) / numbers.rate);
    }
    await waitFor("the arrival of the last commit", ARRIVAL_MS, () => watch.pending === 0);
    await replicator.stop();
    return [...watch.latenciesMs];
  } finally {
    await replicator.kill();
    db.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const samples = new Map<string, number[]>();
for (let i = 0; i < numbers.rounds; i++) {
  for (const [k, [name, start]] of Object.entries(VARIANTS).entries()) {
    const measured = await runVariant(start, tmp.file(`${i}${k}`));
    samples.set(name, [...(samples.get(name) ?? []), ...measured]);
    const { p50, p99 } = latencies(Float64Array.from(measured));
    console.log(`round ${i + 1}, ${name}: ${measured.length} commits, p50 ${format(p50, 1)} ms, p99 ${format(p99, 1)} ms`);
  }
}

const results = [...samples].map(([name, values]) => ({ name, commits: values.length, ...latencies(Float64Array.from(values)) }));
publish(
  {
    name: "latency",
    machine: describeMachine({ litestream: upstream.version }),
    options: { ...numbers, ...switches, seed: random.seed },
    goals: [] satisfies Goal[],
    data: results,
    table: markdownTable(
      ["commit → file in the replica", "commits", "p50 ms", "p99 ms", "max ms"],
      results.map(({ name, commits, p50, p99, max }) => [name, String(commits), format(p50, 1), format(p99, 1), format(max, 1)]),
    ),
  },
  record,
);
