import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { cleanEnv, FaultProxy, type S3Server, seedOf, startVersitygw, versitygwOrSkip } from "@ls/testkit";
import { writeChanges } from "./codec/changes.js";
import { encode } from "./codec/operations.js";
import { expectSameBytes } from "./codec/verify.js";
import { readFlags } from "./common/arguments.js";
import { describeMachine, LOAD_AVERAGE } from "./common/machine.js";
import { BENCH_ROOT, publish } from "./common/report.js";
import { runMeasured, type Usage } from "./common/run-measured.js";
import { scratchDirectory } from "./common/scratch.js";
import { medianOf } from "./common/statistics.js";
import { format, markdownTable, megabytes, times } from "./common/table.js";
import { requireUpstream } from "./common/upstream.js";
import { makeDatabase } from "./data/database.js";

/** A restore of a snapshot and a thousand changes from a service that is far away: S3 behind a latency; and from a directory, to compare with. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    mb: { normal: 100, quick: 4, min: 1 },
    l0: { normal: 1000, quick: 30, min: 1 },
    "latency-ms": { normal: 100, quick: 20, min: 0 },
    // Upstream alone takes minutes for one.
    runs: { normal: 1, quick: 1, min: 1 },
  },
  [],
);
const GOAL = 15;
const CHANGED_PAGES = 8;
const DEADLINE_MS = 900_000;
const FIELDS = ["wallSeconds", "cpuSeconds", "peakRssBytes"] as const;

const upstream = await requireUpstream();
const versitygw = versitygwOrSkip();
if (versitygw === undefined) throw new Error("versitygw is missing, and it is what keeps the replica here");
const tmp = scratchDirectory();
const seed = seedOf(42);

interface Restores {
  readonly ours: readonly Usage[];
  readonly upstream: readonly Usage[];
}

/** Both restore the same replica, in turns, to the same bytes. */
async function measure(url: string, server?: S3Server): Promise<Restores> {
  const keys = server === undefined ? undefined : { id: server.accessKeyId, secret: server.secretAccessKey };
  const ourEnv = cleanEnv(keys === undefined ? {} : { AWS_ACCESS_KEY_ID: keys.id, AWS_SECRET_ACCESS_KEY: keys.secret });
  const theirEnv = cleanEnv(keys === undefined ? {} : { LITESTREAM_ACCESS_KEY_ID: keys.id, LITESTREAM_SECRET_ACCESS_KEY: keys.secret });
  const program = join(BENCH_ROOT, "dist", "programs", "restore-once.js");
  const [ours, theirs] = [tmp.file("ours.db"), tmp.file("upstream.db")];
  const restores = { ours: [] as Usage[], upstream: [] as Usage[] };
  for (let run = 0; run < numbers.runs; run++) {
    restores.ours.push(await runMeasured(process.execPath, [program, url, ours], { env: ourEnv, deadlineMs: DEADLINE_MS }));
    restores.upstream.push(await runMeasured(upstream.binary, ["restore", "-o", theirs, url], { env: theirEnv, deadlineMs: DEADLINE_MS }));
    expectSameBytes(ours, theirs);
    for (const path of [ours, theirs]) rmSync(path);
  }
  return restores;
}

await using server = await startVersitygw(versitygw);
// It keeps objects as files: the replica needs no uploading.
const level = join(server.directory ?? "", "replica", "0000");
mkdirSync(level, { recursive: true });
makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: numbers.mb * 1e6, kind: "mixed", seed });
encode(tmp.file("db"), join(level, `${"1".padStart(16, "0")}-${"1".padStart(16, "0")}.ltx`));
writeChanges(tmp.file("db"), level, { count: numbers.l0, pages: CHANGED_PAGES, seed });
mkdirSync(tmp.file("near", "ltx"), { recursive: true });
symlinkSync(level, tmp.file("near", "ltx", "0"));

const near = await measure(pathToFileURL(tmp.file("near")).href);
await using proxy = await FaultProxy.start(server);
proxy.arm({ fault: { kind: "delay", milliseconds: numbers["latency-ms"] } });
const parameters = new URLSearchParams({ endpoint: proxy.endpoint, region: server.region, forcePathStyle: "true" });
const far = await measure(`s3://${server.bucket}/replica?${parameters}`, server);

const restores = { [`S3 behind ${numbers["latency-ms"]} ms`]: far, directory: near };
const ratio = ({ ours, upstream: theirs }: Restores): number => medianOf(theirs, FIELDS).wallSeconds / medianOf(ours, FIELDS).wallSeconds;
const rows = Object.entries(restores).map(([from, one]) => {
  const [ours, theirs] = [medianOf(one.ours, FIELDS), medianOf(one.upstream, FIELDS)];
  return [
    `from ${from}`,
    `${format(ours.wallSeconds, 1)} / ${format(theirs.wallSeconds, 1)}`,
    times(ratio(one)),
    `${format(ours.cpuSeconds, 1)} / ${format(theirs.cpuSeconds, 1)}`,
    `${megabytes(ours.peakRssBytes)} / ${megabytes(theirs.peakRssBytes)}`,
  ];
});
publish(
  {
    name: "far",
    machine: describeMachine({ litestream: upstream.version }),
    options: { ...numbers, ...switches, seed },
    goals: [
      { name: `restore of ${numbers.mb} MB and ${numbers.l0} changes behind ${numbers["latency-ms"]} ms, times as fast`, measured: ratio(far), atLeast: GOAL },
    ],
    data: { loadAverage: LOAD_AVERAGE, ...restores },
    table: markdownTable(["ours / upstream", "wall s", "ratio", "CPU s", "peak RSS MB"], rows),
  },
  record,
);
