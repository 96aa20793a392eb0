import { mkdirSync, rmSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { seedOf } from "@ls/testkit";
import { decode, SPLIT_SHAPES, split } from "./codec/operations.js";
import { expectSameBytes, verifyByBoth } from "./codec/verify.js";
import { readFlags } from "./common/arguments.js";
import { buildGoPeer, GO_ENV } from "./common/go-peer.js";
import { describeMachine } from "./common/machine.js";
import { BENCH_ROOT, type Goal, publish } from "./common/report.js";
import { scratchDirectory } from "./common/scratch.js";
import { alternate, compare, type Pair, Series } from "./common/series.js";
import { median } from "./common/statistics.js";
import { format, markdownTable, megabytes, times } from "./common/table.js";
import { type DatabaseSpec, makeDatabase } from "./data/database.js";

/** `@ls/ltx` against the Go module superfly/ltx: encode, decode, and merge of files without a common page. */

const { numbers, switches, record } = readFlags(
  process.argv.slice(2),
  {
    mib: { normal: 100, quick: 4, min: 1 },
    runs: { normal: 7, quick: 2, min: 1 },
    inputs: { normal: 100, quick: 20, min: 2 },
    "page-size": { normal: 4096, quick: 4096, min: 512 },
  },
  ["all", "incompressible"],
);

const CODEC_GOALS = { encode: 1.8, decode: 2, "merge ranges": 4, "merge stripes": 4 };
/** The goals are for the codec; whether a new file of the system hides them is printed as well. */
const GOALS: Readonly<Record<string, number>> = {
  ...CODEC_GOALS,
  ...Object.fromEntries(Object.entries(CODEC_GOALS).map(([operation, goal]) => [`${operation}, discarded`, goal])),
};

interface Measurement {
  readonly pageSize: number;
  readonly kind: DatabaseSpec["kind"];
  readonly operation: string;
  /** Bytes of uncompressed pages that one run works through. */
  readonly pageBytes: number;
  readonly oursFileBytes: number;
  readonly peerFileBytes: number;
  readonly pair: Pair;
}

const peer = buildGoPeer();
const program = join(BENCH_ROOT, "dist", "programs", "codec.js");
const tmp = scratchDirectory();

interface Job {
  readonly args: readonly string[];
  readonly output: string;
}

/** The command line of one operation, the same for both programs. */
function job(operation: "encode" | "decode" | "merge", inputs: readonly string[], output: string): Job {
  return { args: [operation, output, ...inputs], output };
}

/** The same operations to the null device: what is left is the codec, without the system's work on a new file, which is the same for both. */
async function measureDiscarded(operation: "encode" | "decode" | "merge", inputs: readonly string[]): Promise<Pair> {
  const args = [operation, devNull, ...inputs];
  return pairUp(
    `${operation}, output discarded`,
    new Series(`${operation} by @ls/ltx`, undefined, process.execPath, [program, ...args]),
    new Series(`${operation} by superfly/ltx`, undefined, peer.binary, args, { ...process.env, ...GO_ENV }),
  );
}

async function measure(operation: string, { args, output }: Job, peerJob: Job): Promise<Pair> {
  return pairUp(
    operation,
    new Series(`${operation} by @ls/ltx`, output, process.execPath, [program, ...args]),
    new Series(`${operation} by superfly/ltx`, peerJob.output, peer.binary, peerJob.args, { ...process.env, ...GO_ENV }),
  );
}

async function pairUp(what: string, ours: Series, theirs: Series): Promise<Pair> {
  const pair = await alternate(ours, theirs, { warmUp: 1, runs: numbers.runs });
  const { wall, cpu, range } = compare(pair);
  console.log(`${what}: ${times(wall)} as fast (pairs ${times(range[0])} to ${times(range[1])}), CPU ${times(cpu)} less`);
  return pair;
}

async function measureDatabase(spec: DatabaseSpec): Promise<Measurement[]> {
  const directory = tmp.file(`${spec.kind}-${spec.pageSize}`);
  mkdirSync(directory);
  const file = (name: string): string => join(directory, name);
  console.log(`\n${spec.kind}, ${spec.pageSize}-byte pages, seed ${spec.seed}`);
  makeDatabase(file("db"), spec);
  const pageBytes = statSync(file("db")).size;
  const results: Measurement[] = [];
  const add = (operation: string, pair: Pair, ours: string, peers: string): void => {
    results.push({
      pageSize: spec.pageSize,
      kind: spec.kind,
      operation,
      pageBytes,
      oursFileBytes: statSync(ours).size,
      peerFileBytes: statSync(peers).size,
      pair,
    });
  };

  const encoded = await measure("encode", job("encode", [file("db")], file("ours.ltx")), job("encode", [file("db")], file("peer.ltx")));
  await verifyByBoth(file("ours.ltx"), peer);
  await verifyByBoth(file("peer.ltx"), peer);
  add("encode", encoded, file("ours.ltx"), file("peer.ltx"));
  add("encode, discarded", await measureDiscarded("encode", [file("db")]), file("ours.ltx"), file("peer.ltx"));

  // Both read the same file, the one that upstream writes.
  const decoded = await measure("decode", job("decode", [file("peer.ltx")], file("ours.db")), job("decode", [file("peer.ltx")], file("peer.db")));
  expectSameBytes(file("ours.db"), file("db"));
  expectSameBytes(file("peer.db"), file("db"));
  add("decode", decoded, file("peer.ltx"), file("peer.ltx"));
  add("decode, discarded", await measureDiscarded("decode", [file("peer.ltx")]), file("peer.ltx"), file("peer.ltx"));

  for (const shape of SPLIT_SHAPES) {
    const inputs = Array.from({ length: numbers.inputs }, (_, i) => file(`${shape}-${i}.ltx`));
    split(file("db"), inputs, shape);
    const operation = `merge ${shape}`;
    const merged = await measure(operation, job("merge", inputs, file("ours-merged.ltx")), job("merge", inputs, file("peer-merged.ltx")));
    for (const path of [file("ours-merged.ltx"), file("peer-merged.ltx")]) {
      await verifyByBoth(path, peer);
      decode(path, file("merged.db"));
      expectSameBytes(file("merged.db"), file("db"));
    }
    add(operation, merged, file("ours-merged.ltx"), file("peer-merged.ltx"));
    add(`${operation}, discarded`, await measureDiscarded("merge", inputs), file("ours-merged.ltx"), file("peer-merged.ltx"));
  }
  rmSync(directory, { recursive: true });
  return results;
}

const bytes = numbers.mib * 2 ** 20;
const seed = seedOf(42);
const specs: DatabaseSpec[] = [{ pageSize: numbers["page-size"], bytes, kind: switches.incompressible ? "random" : "mixed", seed }];
if (switches.all) {
  specs.push({ pageSize: 1024, bytes, kind: "mixed", seed }, { pageSize: 65536, bytes, kind: "mixed", seed }, { pageSize: 4096, bytes, kind: "random", seed });
}
const measurements: Measurement[] = [];
for (const spec of specs) measurements.push(...(await measureDatabase(spec)));

const rows = measurements.map(({ pageSize, kind, operation, pageBytes, oursFileBytes, peerFileBytes, pair }) => {
  const ratio = compare(pair);
  const speed = (runs: Pair["ours"]["runs"]): string => format(pageBytes / 1e3 / median(runs.map((run) => run.wallMs)), 0);
  const cpu = (runs: Pair["ours"]["runs"]): string => format(median(runs.map((run) => run.cpuMs)), 0);
  return [
    `${operation}, ${kind} ${pageSize}`,
    `${speed(pair.ours.runs)} / ${speed(pair.peer.runs)}`,
    `${times(ratio.wall)} (${format(ratio.range[0])}–${format(ratio.range[1])})`,
    `${cpu(pair.ours.runs)} / ${cpu(pair.peer.runs)} (${times(ratio.cpu)})`,
    `${megabytes(pair.ours.peakRssBytes)} / ${megabytes(pair.peer.peakRssBytes)}`,
    `${format(oursFileBytes / pageBytes, 3)} / ${format(peerFileBytes / pageBytes, 3)}`,
  ];
});
const goals: Goal[] = measurements
  .filter(({ kind, pageSize }) => kind === "mixed" && pageSize === 4096)
  .flatMap(({ operation, pair }) => {
    const atLeast = GOALS[operation];
    return atLeast === undefined ? [] : [{ name: `${operation}, times as fast as superfly/ltx`, measured: compare(pair).wall, atLeast }];
  });
publish(
  {
    name: "ltx",
    machine: describeMachine({ go: (peer.versions.go ?? "?").replace("go", ""), "superfly/ltx": peer.versions["github.com/superfly/ltx"] ?? "?" }),
    options: { ...numbers, ...switches, seed },
    goals,
    data: measurements.map((measurement) => ({ ...measurement, ratio: compare(measurement.pair) })),
    table: markdownTable(["@ls/ltx / superfly/ltx (Go)", "MB/s of pages", "ratio (slowest–fastest pair)", "CPU ms", "peak RSS MB", "file / pages"], rows),
  },
  record,
);
