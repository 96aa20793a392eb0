import { mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Random, type ReplicaFile, replicaFiles, seedOf, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { readFlags } from "./common/arguments.js";
import { damageOf } from "./common/expect-restored.js";
import { describeMachine, LOAD_AVERAGE } from "./common/machine.js";
import { cpuSeconds } from "./common/process-usage.js";
import { bytesAdded, reachOf } from "./common/replica-files.js";
import { type RunningReplicator, startOurs, startUpstream } from "./common/replicators.js";
import { publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { format, markdownTable, times } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { copySettled } from "./data/copy.js";
import { makeDatabase } from "./data/database.js";

/** A replicator that was killed starts again, and meanwhile somebody else's checkpoint took away the WAL with what was committed last. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    megabytes: { normal: 1000, quick: 20, min: 1 },
    commits: { normal: 25, quick: 25, min: 1 },
  },
  [],
);
/** Rows that each commit changes, all over the database. */
const ROWS = 4;
/** What each makes of a first image by itself, and the merge after the restart: upstream waits for a half minute to be full. */
const QUIET_MS = 150_000;
const SNAPSHOT_LEVEL = 9;

const upstream = await requireUpstream();
const tmp = scratchDirectory();
const seed = seedOf(42);

/** What a restarted process has done by a moment. */
interface Progress {
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Added to the replica, all levels. */
  readonly bytes: number;
}

interface Outcome {
  /** Of the WAL that the foreign checkpoint took away. */
  readonly changedBytes: number;
  readonly inSync: Progress;
  /** Level 1, or a snapshot, holds all of it too. */
  readonly merged: Progress;
  /** Why the replica does not hold what was committed. */
  readonly damage?: string;
}

interface Side {
  readonly start: (directory: string, path: string, replicaPath: string) => Promise<RunningReplicator>;
  /** Levels that a first image gets to by itself: one that is killed before would make up for it afterwards. */
  readonly firstLevels: readonly number[];
}
const SIDES: Readonly<Record<"ours" | "upstream", Side>> = {
  ours: { start: (_, path, replicaPath) => startOurs(path, replicaPath, { keeps: true }), firstLevels: [SNAPSHOT_LEVEL] },
  upstream: {
    start: (directory, path, replicaPath) => startUpstream(upstream.binary, directory, path, replicaPath),
    firstLevels: [1, SNAPSHOT_LEVEL],
  },
};

/** Small transactions of the application, then another connection's checkpoint; bytes of WAL that it took away. */
function commitAndCheckpoint(app: Database.Database, path: string): number {
  const random = new Random(seed);
  const customers = app.prepare<[], number>("SELECT max(id) FROM customer").pluck().get() ?? 0;
  const insert = app.prepare("INSERT INTO change(note) VALUES (?)");
  const update = app.prepare("UPDATE customer SET balance = balance + 1 WHERE id = ?");
  const commit = app.transaction((n: number) => {
    insert.run(`change ${n}`);
    for (let i = 1; i < ROWS; i++) update.run(random.int(1, customers));
  });
  for (let n = 0; n < numbers.commits; n++) commit(n);
  const changedBytes = statSync(`${path}-wal`).size;
  const foreign = new Database(path);
  const [result] = foreign.pragma("wal_checkpoint(TRUNCATE)") as { busy: number }[]; // `as`: the row that SQLite documents.
  foreign.close();
  if (result?.busy !== 0 || statSync(`${path}-wal`).size !== 0) throw new Error("the foreign checkpoint did not empty the WAL");
  return changedBytes;
}

async function run({ start, firstLevels }: Side, directory: string): Promise<Outcome> {
  mkdirSync(directory);
  const path = join(directory, "app.db");
  const replicaPath = join(directory, "replica");
  copySettled(tmp.file("source"), path);
  const app = new Database(path);
  app.pragma("synchronous = NORMAL");
  let replicator = await start(join(directory, "d"), path, replicaPath);
  try {
    await waitFor("what the first image is followed by", QUIET_MS, () => {
      const files = replicaFiles(replicaPath);
      return firstLevels.every((level) => reachOf(files, level) >= 1n);
    });
    await replicator.kill();
    const before = replicaFiles(replicaPath);
    const changedBytes = commitAndCheckpoint(app, path);

    const started = performance.now();
    replicator = await start(join(directory, "d"), path, replicaPath);
    const progress = (files: readonly ReplicaFile[]): Progress => ({
      seconds: (performance.now() - started) / 1000,
      cpuSeconds: cpuSeconds(replicator.pid) ?? Number.NaN,
      bytes: bytesAdded(before, files),
    });
    const inSync = progress(replicaFiles(replicaPath));
    const merged = await waitFor("the merge of what was added", QUIET_MS, () => {
      const files = replicaFiles(replicaPath);
      const reached = [1, SNAPSHOT_LEVEL].some((level) => reachOf(files, level) >= reachOf(files, 0));
      return reached ? progress(files) : undefined;
    });
    await replicator.stop();
    const damage = await damageOf(upstream.binary, {
      replicaPath,
      outputPath: join(directory, "restored.db"),
      sql: "SELECT count(*) FROM change",
      expected: numbers.commits,
    });
    return { changedBytes, inSync, merged, ...(damage === undefined ? {} : { damage }) };
  } finally {
    await replicator.kill();
    app.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

console.log(`making a database of ${numbers.megabytes} MB, seed ${seed}`);
makeDatabase(tmp.file("source"), { pageSize: 4096, bytes: numbers.megabytes * 1e6, kind: "mixed", seed });
const db = new Database(tmp.file("source"));
db.exec("CREATE TABLE change(id INTEGER PRIMARY KEY, note TEXT)");
db.close();

const ours = await run(SIDES.ours, tmp.file("o"));
if (ours.damage !== undefined) throw new Error(ours.damage);
const theirs = await run(SIDES.upstream, tmp.file("u"));
if (theirs.damage !== undefined) console.log(`upstream: ${theirs.damage}`);
const outcomes = { ours, upstream: theirs };
const rows = Object.entries(outcomes).map(([name, { changedBytes, inSync, merged, damage }]) => [
  name,
  format(changedBytes / 1e6, 3),
  ...[inSync, merged].flatMap(({ bytes, cpuSeconds: cpu, seconds }) => [format(bytes / 1e6, 3), format(cpu), format(seconds)]),
  damage === undefined ? "yes" : "no",
]);
rows.push([
  "upstream over ours",
  "",
  ...(["inSync", "merged"] as const).flatMap((moment) =>
    (["bytes", "cpuSeconds", "seconds"] as const).map((field) => times(theirs[moment][field] / ours[moment][field])),
  ),
  "",
]);
publish(
  {
    name: "restart",
    machine: describeMachine({ litestream: upstream.version }),
    options: { ...numbers, ...switches, seed },
    goals: [{ name: "bytes until in sync over bytes of the lost WAL, ours", measured: ours.inSync.bytes / ours.changedBytes, atMost: 1 }],
    data: { loadAverage: LOAD_AVERAGE, ...outcomes },
    table: markdownTable(
      [
        `restart, ${numbers.megabytes} MB and ${numbers.commits} commits`,
        "WAL lost MB",
        "in sync: MB to the replica",
        "CPU s",
        "after s",
        "merged: MB to the replica",
        "CPU s",
        "after s",
        "sound replica",
      ],
      rows,
    ),
  },
  record,
);
