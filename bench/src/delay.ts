import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { seedOf } from "@ls/testkit";
import { writeChanges } from "./codec/changes.js";
import { readFlags } from "./common/arguments.js";
import { describeMachine } from "./common/machine.js";
import { BENCH_ROOT, publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { medianOf } from "./common/statistics.js";
import { format, markdownTable } from "./common/table.js";
import { makeDatabase } from "./data/database.js";
import type { MergeDelay } from "./programs/merge-delay.js";

/** What a large merge costs the thread it is not computed on: how late the application gets its turns, beside a thread that does nothing. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    mb: { normal: 100, quick: 4, min: 1 },
    files: { normal: 23, quick: 4, min: 3 },
    runs: { normal: 5, quick: 1, min: 1 },
  },
  [],
);
const SHARE = 0.1;
const DEADLINE_MS = 120_000;
const program = join(BENCH_ROOT, "dist", "programs", "merge-delay.js");
const tmp = scratchDirectory();
const seed = seedOf(42);
const replica = tmp.file("replica");

function measure(where: string): MergeDelay {
  for (const level of ["1", "8"]) rmSync(join(replica, "ltx", level), { recursive: true, force: true });
  // `as`: what the program prints.
  return JSON.parse(execFileSync(process.execPath, [program, replica, where], { encoding: "utf8", timeout: DEADLINE_MS })) as MergeDelay;
}

makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: numbers.mb * 1e6, kind: "mixed", seed });
mkdirSync(join(replica, "ltx", "0"), { recursive: true });
writeChanges(tmp.file("db"), join(replica, "ltx", "0"), { count: numbers.files, pages: Math.ceil((numbers.mb * 1e6 * SHARE) / 4096), seed });

const results = { nowhere: [] as MergeDelay[], worker: [] as MergeDelay[], inline: [] as MergeDelay[] };
for (let run = 0; run < numbers.runs; run++) {
  for (const [where, delays] of Object.entries(results)) delays.push(measure(where));
}
const NAMES = { nowhere: "no merge, for a second", worker: "in the worker", inline: "on the same thread" } as const;
const rows = Object.entries(NAMES).map(([where, name]) => {
  // `as`: the keys of both are the same.
  const { mergeMs, p99Ms, maxMs } = medianOf(results[where as keyof typeof NAMES], ["mergeMs", "p99Ms", "maxMs"]);
  return [name, format(mergeMs, 0), format(p99Ms, 1), format(maxMs, 1)];
});
publish(
  {
    name: "delay",
    machine: describeMachine({}),
    options: { ...numbers, ...switches, seed },
    goals: [],
    data: results,
    table: markdownTable([`merge of ${numbers.files} files`, "takes ms", "turn late by p99 ms", "max ms"], rows),
  },
  record,
);
