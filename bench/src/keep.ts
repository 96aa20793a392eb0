import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cleanEnv, seedOf } from "@ls/testkit";
import { type ChangeFiles, writeChanges } from "./codec/changes.js";
import { decode, encode, merge } from "./codec/operations.js";
import { expectSameBytes, verifyByBoth } from "./codec/verify.js";
import { readFlags } from "./common/arguments.js";
import { buildGoPeer, GO_ENV } from "./common/go-peer.js";
import { describeMachine } from "./common/machine.js";
import { BENCH_ROOT, type Goal, publish } from "./common/report.js";
import { runMeasured, type Usage } from "./common/run-measured.js";
import { scratchDirectory } from "./common/scratch.js";
import { alternate, compare, type Pair, Series } from "./common/series.js";
import { median, medianOf } from "./common/statistics.js";
import { format, markdownTable, megabytes, times } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { makeDatabase } from "./data/database.js";

/**
 * What keeping a replica costs: compaction of many small and of a few large level-0 files, and a restore from a snapshot and a thousand of them.
 * A replicator merges every half minute for weeks, so what counts is a merge in the steady state, after `--warm-up` others; the first one is reported beside it.
 */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    mb: { normal: 100, quick: 4, min: 1 },
    small: { normal: 2016, quick: 40, min: 2 },
    large: { normal: 23, quick: 4, min: 2 },
    l0: { normal: 1000, quick: 30, min: 1 },
    "warm-up": { normal: 12, quick: 1, min: 1 },
    runs: { normal: 9, quick: 1, min: 1 },
  },
  [],
);
/** Of merges, in CPU time. */
const GOAL = 4;
/** Pages per small file, and the share of the database in a large one. */
const SMALL_PAGES = 8;
const LARGE_SHARE = 0.1;
const DEADLINE_MS = 600_000;

const peer = buildGoPeer();
const upstream = await requireUpstream();
const compactor = buildGoPeer("compact");
const compactProgram = join(BENCH_ROOT, "dist", "programs", "compact.js");
const tmp = scratchDirectory();
const seed = seedOf(42);

/** Where level 0 is read from: the replica, or the copies that the replicator keeps beside the database for some minutes. */
const SOURCES = ["copies", "replica"] as const;

/** Both compact level 0 of one replica into level 1; upstream as its database does, or without copies. */
async function measureCompaction(what: string, changes: ChangeFiles): Promise<Map<string, Pair>> {
  const replica = tmp.file("compacted");
  const [levelZero, levelOne] = [join(replica, "ltx", "0"), join(replica, "ltx", "1")];
  mkdirSync(levelZero, { recursive: true });
  mkdirSync(join(replica, "ltx", "9"));
  // Levels begin above a snapshot; upstream merges everything that level 0 holds.
  encode(tmp.file("db"), join(replica, "ltx", "9", `${"1".padStart(16, "0")}-${"1".padStart(16, "0")}.ltx`));
  const inputs = writeChanges(tmp.file("db"), levelZero, changes);
  const pairs = new Map<string, Pair>();
  for (const from of SOURCES) {
    const pair = await alternate(
      new Series(`${what} by us`, levelOne, process.execPath, [compactProgram, replica, from]),
      new Series(`${what} by upstream`, levelOne, compactor.binary, [replica], { ...process.env, ...GO_ENV }),
      { warmUp: numbers["warm-up"], runs: numbers.runs },
    );
    pairs.set(`${what}, from ${from}`, pair);
  }
  const expected = tmp.file("expected.ltx");
  await merge(expected, inputs);
  for (const [side, program, args] of [
    ["ours", process.execPath, [compactProgram, replica, "copies"]],
    ["upstream", compactor.binary, [replica]],
  ] as const) {
    await using series = new Series(`${what} by ${side}`, levelOne, program, args);
    await series.run();
    // What does not fit into the memory for one merge makes several files.
    const written = tmp.file(`${side}.ltx`);
    await merge(
      written,
      readdirSync(levelOne)
        .sort()
        .map((name) => join(levelOne, name)),
    );
    await verifyByBoth(written, peer);
    decode(written, tmp.file(`${side}.pages`));
    await series.finish();
  }
  decode(expected, tmp.file("expected.pages"));
  for (const side of ["ours", "upstream"]) expectSameBytes(tmp.file(`${side}.pages`), tmp.file("expected.pages"));
  rmSync(replica, { recursive: true });
  return pairs;
}

/** CPU time, ms, that Node takes to start and end. */
async function measureStart(): Promise<number> {
  const runs: number[] = [];
  for (let i = 0; i < 2 * numbers.runs; i++) runs.push((await runMeasured(process.execPath, ["-e", ""], { deadlineMs: DEADLINE_MS })).cpuSeconds * 1000);
  return median(runs);
}

interface Restores {
  readonly ours: readonly Usage[];
  readonly upstream: readonly Usage[];
}

/** Both restore the same replica: a level-0 file with the whole database, and changes above it. */
async function measureRestore(): Promise<Restores> {
  const replica = tmp.file("replica");
  const level = join(replica, "ltx", "0");
  mkdirSync(level, { recursive: true });
  encode(tmp.file("db"), join(level, `${"1".padStart(16, "0")}-${"1".padStart(16, "0")}.ltx`));
  writeChanges(tmp.file("db"), level, { count: numbers.l0, pages: SMALL_PAGES, seed });
  const url = pathToFileURL(replica).href;
  const restoreOnce = join(BENCH_ROOT, "dist", "programs", "restore-once.js");
  const [ours, theirs] = [tmp.file("ours.db"), tmp.file("upstream.db")];
  const results = { ours: [] as Usage[], upstream: [] as Usage[] };
  // The first pair does not count: who fills the page cache first pays for it.
  for (let run = 0; run <= numbers.runs; run++) {
    const byUs = await runMeasured(process.execPath, [restoreOnce, url, ours], { deadlineMs: DEADLINE_MS });
    const byThem = await runMeasured(upstream.binary, ["restore", "-o", theirs, url], { env: cleanEnv(), deadlineMs: DEADLINE_MS });
    expectSameBytes(ours, theirs);
    for (const path of [ours, theirs]) rmSync(path);
    if (run === 0) continue;
    results.ours.push(byUs);
    results.upstream.push(byThem);
  }
  return results;
}

makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: numbers.mb * 1e6, kind: "mixed", seed });
const largePages = Math.ceil((numbers.mb * 1e6 * LARGE_SHARE) / 4096);
const merges = {
  ...Object.fromEntries(await measureCompaction(`${numbers.small} small files`, { count: numbers.small, pages: SMALL_PAGES, seed })),
  ...Object.fromEntries(await measureCompaction(`${numbers.large} large files`, { count: numbers.large, pages: largePages, seed })),
};
const startMs = await measureStart();
const restores = await measureRestore();

const FIELDS = ["wallSeconds", "cpuSeconds", "peakRssBytes"] as const;
const restored = { ours: medianOf(restores.ours, FIELDS), upstream: medianOf(restores.upstream, FIELDS) };
const ms = (seconds: number): string => format(seconds * 1000, 0);
const cpu = (pair: Pair["ours"]): string => format(median(pair.runs.map((run) => run.cpuMs)), 0);
const wall = (pair: Pair["ours"]): string => format(median(pair.runs.map((run) => run.wallMs)), 0);
const rows = [
  ...Object.entries(merges).map(([what, pair]) => [
    `compaction of ${what}`,
    `${cpu(pair.ours)} / ${cpu(pair.peer)}`,
    times(compare(pair).cpu),
    `${format(pair.ours.warmUp[0].cpuMs + startMs, 0)} / ${format(pair.peer.warmUp[0].cpuMs, 0)}`,
    `${wall(pair.ours)} / ${wall(pair.peer)}`,
    `${megabytes(pair.ours.peakRssBytes)} / ${megabytes(pair.peer.peakRssBytes)}`,
  ]),
  [
    `restore of ${numbers.mb} MB and ${numbers.l0} changes`,
    `${ms(restored.ours.cpuSeconds)} / ${ms(restored.upstream.cpuSeconds)}`,
    times(restored.upstream.cpuSeconds / restored.ours.cpuSeconds),
    "",
    `${ms(restored.ours.wallSeconds)} / ${ms(restored.upstream.wallSeconds)}`,
    `${megabytes(restored.ours.peakRssBytes)} / ${megabytes(restored.upstream.peakRssBytes)}`,
  ],
];
const goals: Goal[] = Object.entries(merges).map(([what, pair]) => ({
  name: `compaction of ${what}, times less CPU in the steady state`,
  measured: compare(pair).cpu,
  atLeast: GOAL,
}));
publish(
  {
    name: "keep",
    machine: describeMachine({ litestream: upstream.version, "superfly/ltx": peer.versions["github.com/superfly/ltx"] ?? "?" }),
    options: { ...numbers, ...switches, seed },
    goals,
    data: { merges, startMs, restores },
    table: markdownTable(
      ["ours / upstream", "CPU ms (merges: steady state)", "ratio", "CPU ms of the first merge, with the start of the process", "wall ms", "peak RSS MB"],
      rows,
    ),
  },
  record,
);
