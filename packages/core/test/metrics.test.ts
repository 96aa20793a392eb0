import { rmSync } from "node:fs";
import { join } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { DB } from "../src/db/db.js";
import { defaultMetaPath } from "../src/db/meta/meta-directory.js";
import { DB_FAMILIES, type Sample } from "../src/metrics/families.js";
import type { DBMetrics, FailingWork } from "../src/metrics/metrics.js";
import { Replica } from "../src/replica/replica.js";
import type { LTXFileRef } from "../src/replica-client.js";
import { Store } from "../src/store/store.js";
import { openWAL, tempDirectory, until } from "./harness.js";

/** Some phases are too short to be seen here; the other families need a writer beside whom no checkpoint ever gets through, or a full disk; see src/metrics/prometheus.test.ts. */
const ELSEWHERE = ["litestream_phase", "litestream_disk_full", "litestream_barriers_total", "litestream_barrier_seconds_total"];

test("[L9, M3, M4, M5] each metric moves when what it counts happens, and a Store's metrics are its databases'", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  const memory = new MemoryClient();
  const faults = new FaultStore(memory);
  const atLevel =
    (...levels: number[]) =>
    (ref: LTXFileRef | undefined): boolean =>
      ref !== undefined && levels.includes(ref.level);
  const db = new DB(path, {
    replica: new Replica(faults, { syncIntervalMs: 20 }),
    driver: Database,
    host: "inline",
    minCheckpointPages: 20,
    maxStagedBytes: 1024 * 1024,
  });
  const store = new Store([db], {
    levels: [{ level: 1, intervalMs: 200 }],
    snapshotIntervalMs: 700,
    snapshotRetentionMs: 1500,
    l0RetentionMs: 300,
    verifyIntervalMs: 500,
  });
  const before = samplesOf(db.metrics());
  const seen = new Map<string, Set<number>>();
  const look = (): DBMetrics => {
    const [metrics] = store.metrics().databases;
    if (metrics === undefined) throw new Error("the Store has lost its database");
    for (const [key, value] of samplesOf(metrics)) seen.set(key, (seen.get(key) ?? new Set()).add(value));
    return metrics;
  };
  let step = 0;
  const write = (bytes = 2000): void => void app.prepare("INSERT INTO t (v) VALUES (randomblob(?))").run(bytes);
  const whileWriting = (what: string, condition: (metrics: DBMetrics) => boolean, bytes?: number): Promise<void> =>
    until(
      `${++step}: ${what}`,
      () => {
        write(bytes);
        return condition(look());
      },
      20_000,
    );
  const failing = async (work: FailingWork, rule: Parameters<FaultStore["arm"]>[0]): Promise<void> => {
    faults.arm(rule);
    await whileWriting(`${work} fails`, ({ counters }) => counters.errors[work] > 0);
    faults.heal();
  };
  try {
    // Somebody else holds the database at first.
    const holder = new DB(path, { replica: new Replica(new MemoryClient()), driver: Database, host: "inline" });
    await holder.open();
    await store.open().catch(() => {});
    await holder.close();
    look();
    faults.arm({ operation: "list", fault: { kind: "fail" } });
    await store.open();
    await until("attaching fails", () => look().counters.errors.attach > 0);
    faults.heal();
    await whileWriting("it works", ({ counters, phase }) => counters.uploads > 3 && counters.checkpoints > 0 && phase === "replicating");
    await whileWriting("it is kept", ({ levels, stored }) => [1, 9].every((level) => [levels, stored].every((all) => all.some((one) => one.level === level))));
    await whileWriting("retention", ({ counters }) => counters.retentionFiles > 0);
    await failing("merge", { operation: "write", when: atLevel(1), fault: { kind: "fail" } });
    await failing("snapshot", { operation: "write", when: atLevel(9), fault: { kind: "fail" } });
    await failing("retention", { operation: "delete", fault: { kind: "fail" } });
    await failing("verify", { operation: "list", fault: { kind: "fail" } });
    faults.arm({ operation: "write", when: atLevel(0), fault: { kind: "fail" } });
    await whileWriting(
      "uploads fail until no room is left",
      ({ counters, stagedBytes }) => counters.errors.upload > 0 && counters.pauses > 0 && stagedBytes > 0,
      50_000,
    );
    // A staged file vanishes: what it held has to be found out again.
    const staged = join(defaultMetaPath(path), "ltx", "0");
    const missing = BigInt(look().remoteTXID) + 1n;
    rmSync(join(staged, formatLTXFilename(missing, missing)));
    faults.heal();
    await whileWriting("capture goes on", ({ counters, phase }) => counters.discontinuities > 0 && phase === "replicating");
    // Damage the cut that was just stored, again and again: which file is merged from the destination, and when, is the keeper's to decide.
    let damagedTXID = 0;
    await whileWriting("damage is found", ({ counters, remoteTXID }) => {
      const file = { level: 0, minTXID: BigInt(remoteTXID), maxTXID: BigInt(remoteTXID) };
      const bytes = memory.peek(file)?.slice();
      if (bytes !== undefined && remoteTXID > damagedTXID) {
        damagedTXID = remoteTXID;
        bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
        memory.put(file, bytes);
        rmSync(join(staged, formatLTXFilename(file.minTXID, file.maxTXID)), { force: true });
      }
      return counters.damagedFiles > 0;
    });
    const last = look();
    expect(last.counters.retries).toBeGreaterThan(5);
    await store.close();
    look();

    const unmoved = [...seen].filter(([key, values]) => [...values].every((value) => value === (before.get(key) ?? 0))).map(([key]) => key);
    expect(unmoved.filter((key) => !ELSEWHERE.some((name) => key.startsWith(`${name}{`)))).toEqual([]);
    const wasIn = (phase: string): boolean => seen.get(`litestream_phase${JSON.stringify({ db: path, phase })}`)?.has(1) === true;
    expect(["replicating", "retrying", "closed"].filter((phase) => !wasIn(phase))).toEqual([]);
    const families = new Set([...seen.keys()].map((key) => key.slice(0, key.indexOf("{"))));
    expect(DB_FAMILIES.map(({ name }) => name).filter((name) => !families.has(name))).toEqual([]);

    // What is taken out leaves no series behind.
    await store.remove(db);
    expect(store.metrics()).toEqual({ databases: [], heartbeat: undefined });
  } finally {
    await store.close({ signal: AbortSignal.abort() }).catch(() => {});
    app.close();
  }
}, 90_000);

function samplesOf(metrics: DBMetrics): Map<string, number> {
  const keyOf = (name: string, { labels }: Sample): string => `${name}${JSON.stringify(labels)}`;
  return new Map(DB_FAMILIES.flatMap((family) => family.samples(metrics).map((sample) => [keyOf(family.name, sample), sample.value] as const)));
}
