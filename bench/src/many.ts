import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Random, seedOf } from "@ls/testkit";
import Database from "better-sqlite3";
import { readFlags } from "./common/arguments.js";
import { describeMachine } from "./common/machine.js";
import { cpuSeconds } from "./common/process-usage.js";
import { type Goal, publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { format, markdownTable, megabytes } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { type ManyReplicator, startOurs, startUpstream } from "./many/replicators.js";

/** What many databases cost of which hardly any is written to: time to the first sync, CPU, memory and descriptors; idle, and with a few commits. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    databases: { normal: 1000, quick: 60, min: 1 },
    seconds: { normal: 20, quick: 3, min: 1 },
    // Commits a second, each to a database chosen at random.
    rate: { normal: 10, quick: 10, min: 1 },
    // Seconds of them before those that are measured: what is meant is how it goes on for weeks, with merges and retention under way and compilers done.
    warm: { normal: 300, quick: 1, min: 0 },
    // Level 1 is merged every half a minute, in one go, and level 2 every five: a shorter time would have more of that than there is, or less.
    busy: { normal: 300, quick: 3, min: 1 },
    // Between the first sync and the measurement: nobody is idle before.
    settle: { normal: 70, quick: 3, min: 0 },
    // The same for upstream, which has nothing that comes later than its first merges, half a minute after its start.
    "upstream-settle": { normal: 40, quick: 3, min: 0 },
  },
  ["no-upstream"],
);
const upstream = switches["no-upstream"] ? undefined : await requireUpstream();
const random = new Random(seedOf(42));
const tmp = scratchDirectory();

interface Cost {
  /** Share of one core, 1 = all of it. */
  readonly cpu: number;
  readonly rssBytes: number;
  readonly descriptors: number;
}
interface Outcome {
  readonly syncedSeconds: number;
  readonly synced: number;
  readonly startCPUSeconds: number;
  readonly idle: Cost;
  readonly busy: Cost & { readonly commits: number };
}

/** Small databases, none of them open by anybody. */
function makeDatabases(directory: string): void {
  mkdirSync(join(directory, "replicas"), { recursive: true });
  const template = join(directory, "template");
  const db = new Database(template);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO note(body) VALUES (?)");
  for (let i = 0; i < 50; i++) insert.run(random.text(1000));
  db.close();
  for (let i = 0; i < numbers.databases; i++) copyFileSync(template, join(directory, `${i}.db`));
  rmSync(template);
}

async function measure(pid: number, seconds: number, work: (until: number) => Promise<void>): Promise<Cost> {
  const before = cpuSeconds(pid) ?? 0;
  const start = performance.now();
  await work(start + seconds * 1000);
  const elapsed = (performance.now() - start) / 1000;
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return { cpu: ((cpuSeconds(pid) ?? 0) - before) / elapsed, rssBytes: Number(kib) * 1024, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

/** Commits to databases at random, each of which is opened for it and closed again. @returns how many there were */
async function commitUntil(directory: string, until: number): Promise<number> {
  let commits = 0;
  while (performance.now() < until) {
    const db = new Database(join(directory, `${random.int(0, numbers.databases - 1)}.db`));
    db.prepare("INSERT INTO note(body) VALUES (?)").run(`commit ${commits++}`);
    db.close();
    await sleep((-Math.log(1 - random.float()) * 1000) / numbers.rate);
  }
  return commits;
}

async function runVariant(name: string, settleSeconds: number, start: (directory: string) => Promise<ManyReplicator>): Promise<Outcome> {
  const directory = tmp.file(name);
  makeDatabases(directory);
  const replicator = await start(directory);
  const startCPUSeconds = cpuSeconds(replicator.pid) ?? 0;
  await sleep(settleSeconds * 1000);
  const idle = await measure(replicator.pid, numbers.seconds, (until) => sleep(until - performance.now()));
  await commitUntil(directory, performance.now() + numbers.warm * 1000);
  let commits = 0;
  const busy = await measure(replicator.pid, numbers.busy, async (until) => {
    commits = await commitUntil(directory, until);
  });
  await replicator.stop();
  rmSync(directory, { recursive: true, force: true });
  const { syncedSeconds, synced } = replicator;
  console.log(`${name}: ${JSON.stringify({ syncedSeconds, synced, startCPUSeconds, idle, busy, commits })}`);
  return { syncedSeconds, synced, startCPUSeconds, idle, busy: { ...busy, commits } };
}

const { databases } = numbers;
const outcomes: [string, Outcome][] = [["ours", await runVariant("ours", numbers.settle, (directory) => startOurs(directory, databases))]];
if (upstream !== undefined) {
  try {
    outcomes.push(["upstream", await runVariant("upstream", numbers["upstream-settle"], (directory) => startUpstream(upstream.binary, directory, databases))]);
  } catch (error) {
    // Ours counts all the same.
    console.error(`upstream could not be measured: ${String(error)}`);
  }
}
const ours = outcomes[0]?.[1];
const goals: Goal[] =
  ours === undefined || databases !== 1000
    ? []
    : [
        { name: "idle, per cent of a core", measured: ours.idle.cpu * 100, atMost: 1 },
        { name: "idle, MB", measured: ours.idle.rssBytes / 1e6, atMost: 120 },
        { name: "idle, descriptors", measured: ours.idle.descriptors, atMost: 300 },
        { name: "seconds until all are synced", measured: ours.syncedSeconds, atMost: 8 },
        { name: "10 commits a second, per cent of a core", measured: ours.busy.cpu * 100, atMost: 5 },
      ];
const percent = (share: number): string => `${format(share * 100)} %`;
publish(
  {
    name: "many",
    machine: describeMachine(upstream === undefined ? {} : { litestream: upstream.version }),
    options: { ...numbers, ...switches, seed: random.seed },
    goals,
    data: Object.fromEntries(outcomes),
    table: markdownTable(
      [
        `${databases} databases`,
        "all synced after",
        "CPU until then",
        "idle: CPU",
        "memory",
        "descriptors",
        `${numbers.rate} commits/s: CPU`,
        "memory",
        "descriptors",
      ],
      outcomes.map(([name, { syncedSeconds, synced, startCPUSeconds, idle, busy }]) => [
        name,
        synced === databases ? `${format(syncedSeconds, 1)} s` : `${synced} of them in ${format(syncedSeconds, 1)} s`,
        `${format(startCPUSeconds, 1)} s`,
        percent(idle.cpu),
        `${megabytes(idle.rssBytes)} MB`,
        String(idle.descriptors),
        percent(busy.cpu),
        `${megabytes(busy.rssBytes)} MB`,
        String(busy.descriptors),
      ]),
    ),
  },
  record,
);
