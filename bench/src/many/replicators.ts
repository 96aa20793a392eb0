import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { UpstreamDaemon, type UpstreamSettings, withDeadline } from "@ls/testkit";
import { BENCH_ROOT } from "../common/report.js";

/** Longest wait for the first sync of everything: what has not happened by then is told, and the measurement goes on without it. */
const START_MS = 60_000;
const STOP_MS = 30_000;
/** What upstream does unless it is told otherwise. */
const UPSTREAM_DEFAULTS: UpstreamSettings = {
  levelIntervals: ["30s", "5m", "1h"],
  snapshotInterval: "24h",
  l0Retention: "5m",
  l0RetentionCheckInterval: "15s",
  logLevel: "info",
};
const UPSTREAM_DATABASE = { monitorInterval: "1s", checkpointInterval: "1m", minCheckpointPages: 1000 };

/** A process that replicates every database of a directory. */
export interface ManyReplicator {
  readonly pid: number;
  /** From the start of the process to the moment in which every database was in its replica, or was waited for no longer, seconds. */
  readonly syncedSeconds: number;
  /** Databases that were in their replicas by then. */
  readonly synced: number;
  /** Ends it in order; rejects when something went wrong meanwhile. */
  stop(): Promise<void>;
}

export async function startOurs(directory: string, count: number): Promise<ManyReplicator> {
  const start = performance.now();
  const child = spawn(process.execPath, [join(BENCH_ROOT, "dist", "programs", "many-store.js"), directory, String(count)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const synced = (async () => {
    for await (const line of createInterface({ input: child.stdout })) if (line === "synced") return;
    throw new Error("the Store ended before every database was in its replica");
  })();
  try {
    await withDeadline("the first sync of every database", START_MS * 3, synced);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    pid: child.pid ?? -1,
    syncedSeconds: (performance.now() - start) / 1000,
    synced: count,
    async stop() {
      child.kill("SIGTERM");
      const code = await withDeadline("the end of the Store", STOP_MS, exited);
      if (code !== 0) throw new Error(`the Store ended with ${code}`);
    },
  };
}

export async function startUpstream(binary: string, directory: string, count: number): Promise<ManyReplicator> {
  const start = performance.now();
  const databases = Array.from({ length: count }, (_, i) => ({
    path: join(directory, `${i}.db`),
    replicaPath: join(directory, "replicas", String(i)),
    ...UPSTREAM_DATABASE,
  }));
  const daemon = await UpstreamDaemon.start(binary, join(directory, "d"), databases, UPSTREAM_DEFAULTS);
  const end = start + START_MS;
  const waiting = new Set(databases.map(({ replicaPath }) => join(replicaPath, "ltx", "0")));
  for (;;) {
    for (const level0 of waiting) if (existsSync(level0) && readdirSync(level0).length > 0) waiting.delete(level0);
    if (waiting.size === 0 || performance.now() > end) break;
    await sleep(100);
  }
  return {
    pid: daemon.pid ?? -1,
    syncedSeconds: (performance.now() - start) / 1000,
    synced: count - waiting.size,
    async stop() {
      // What it does at its end is not what is measured, and with many databases it takes long.
      await daemon.stop().catch(() => {});
    },
  };
}
