import { expect, test } from "vitest";
import type { DBStatus } from "../db/status.js";
import { LSError } from "../errors.js";
import type { ReplicaClient } from "../replica-client.js";
import { DB_FAMILIES } from "./families.js";
import { Meter } from "./meter.js";
import type { DBMetrics } from "./metrics.js";
import { renderPrometheus } from "./prometheus.js";

const STATUS: DBStatus = {
  phase: "replicating",
  since: new Date(1500),
  lagMs: 250,
  localTXID: 7n,
  remoteTXID: 6n,
  walBytes: 4152,
  stagedFiles: 1,
  stagedBytes: 300,
};

/** A client that only has a name, and files of 10 bytes to write. */
function client(): ReplicaClient {
  const unused = (): never => {
    throw new LSError("LS_STORAGE_UNAVAILABLE", "unused");
  };
  return {
    type: "file",
    capabilities: { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: "listing" },
    init: async () => {},
    ltxFiles: unused,
    openLTXFile: unused,
    writeLTXFile: async (ref) => ({ ...ref, size: 10, createdAt: new Date(0) }),
    deleteLTXFiles: async () => unused(),
    deleteAll: async () => {},
    close: async () => {},
  };
}

const metricsOf = (path: string, changes: Partial<DBStatus> = {}): DBMetrics => new Meter(client()).read(path, { ...STATUS, ...changes });

/** The text format's grammar, as its specification has it, for metrics without timestamps. */
const LINE = /^[a-zA-Z_:][a-zA-Z0-9_:]*(?:\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})? (NaN|[+-]Inf|[+-]?\d+(\.\d+)?(e[+-]?\d+)?)$/;

/** Family of each sample, in order; throws where the text is not valid. */
function familiesOf(text: string): string[] {
  expect(text.endsWith("\n")).toBe(true);
  const families: string[] = [];
  let current: { name: string; type: string } | undefined;
  let helped: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === "HELP") helped = name;
    else if (kind === "TYPE") {
      expect(name, line).toBe(helped);
      expect(["counter", "gauge"], line).toContain(rest);
      current = { name: name ?? "", type: rest ?? "" };
    } else {
      expect(line).toMatch(LINE);
      expect(/^\w+/.exec(line)?.[0]).toBe(current?.name);
      families.push(current?.name ?? "");
    }
  }
  return families;
}

test("every family is one block, also for several databases", () => {
  const text = renderPrometheus({ databases: [metricsOf("/a.db"), metricsOf("/b.db")] });
  const families = familiesOf(text);
  const blocks = families.filter((family, i) => family !== families[i - 1]);
  expect(new Set(blocks).size).toBe(blocks.length);
  expect(text).toContain('litestream_txid{db="/a.db"} 7\nlitestream_txid{db="/b.db"} 7\n');
  expect(text).toContain('litestream_lag_seconds{db="/a.db"} 0.25\n');
  expect(text).toContain('litestream_phase{db="/a.db",phase="replicating"} 1\n');
  expect(text).toContain('litestream_phase{db="/a.db",phase="retrying"} 0\n');
});

test("a path may hold anything", () => {
  const text = renderPrometheus(metricsOf('/a "b"\\c\nd,é}.db'));
  familiesOf(text);
  expect(text).toContain('litestream_txid{db="/a \\"b\\"\\\\c\\nd,é}.db"} 7\n');
});

test("what is not known has no sample, and a family without samples no header", () => {
  const text = renderPrometheus(metricsOf("/a.db", { lagMs: undefined }));
  expect(text).not.toContain("litestream_lag_seconds");
  expect(text).not.toContain("litestream_level_files");
  expect(renderPrometheus({ databases: [] })).toBe("");
});

test("names are valid, unlike one another, and counters are told from gauges", () => {
  expect(new Set(DB_FAMILIES.map((family) => family.name)).size).toBe(DB_FAMILIES.length);
  for (const { name, type } of DB_FAMILIES) {
    expect(name).toMatch(/^litestream_[a-z0-9_]+$/);
    if (name.endsWith("_total")) expect(type).toBe("counter");
  }
});

test("a full disk and held writers show", () => {
  const meter = new Meter(client());
  meter.count({ type: "barrier", heldMs: 20, walBytes: 1, completed: true });
  meter.count({ type: "barrier", heldMs: 30, walBytes: 1, completed: false });
  const text = renderPrometheus(meter.read("/a.db", { ...STATUS, phase: "paused", pausedBy: "disk-full" }));
  expect(text).toContain('litestream_disk_full{db="/a.db"} 1\n');
  expect(text).toContain('litestream_barriers_total{db="/a.db"} 2\n');
  expect(text).toContain('litestream_barrier_seconds_total{db="/a.db"} 0.05\n');
  expect(renderPrometheus(metricsOf("/a.db", { pausedBy: "staged-full" }))).toContain('litestream_disk_full{db="/a.db"} 0\n');
});

test("calls, bytes and failures are counted by operation; a cancelled call has not failed", async () => {
  const meter = new Meter(client());
  const source = async function* (): AsyncGenerator<Uint8Array> {};
  await meter.client.writeLTXFile({ level: 3, minTXID: 1n, maxTXID: 2n }, source());
  await meter.client.deleteLTXFiles([]).catch(() => {});
  await meter.client.deleteLTXFiles([], { signal: AbortSignal.abort() }).catch(() => {});
  const { operations, stored } = meter.read("/a.db", STATUS);
  expect(stored).toEqual([{ level: 3, files: 1, bytes: 10 }]);
  expect(operations).toContainEqual({ operation: "PUT", calls: 1, bytes: 10, errors: {} });
  expect(operations).toContainEqual({ operation: "DELETE", calls: 2, bytes: 0, errors: { LS_STORAGE_UNAVAILABLE: 1 } });
});
