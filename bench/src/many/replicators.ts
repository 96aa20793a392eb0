import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { UpstreamDaemon, withDeadline } from "@ls/testkit";
import { BENCH_ROOT } from "../common/report.js";

const START_MS = 600_000;
const STOP_MS = 300_000;

/** A process that replicates every database of a directory. */
export interface ManyReplicator {
  readonly pid: number;
  /** From the start of the process to the moment in which every database was in its replica, seconds. */
  readonly syncedSeconds: number;
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
    await withDeadline("the first sync of every database", START_MS, synced);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  return {
    pid: child.pid ?? -1,
    syncedSeconds: (performance.now() - start) / 1000,
    async stop() {
      child.kill("SIGTERM");
      const code = await withDeadline("the end of the Store", STOP_MS, exited);
      if (code !== 0) throw new Error(`the Store ended with ${code}`);
    },
  };
}

export async function startUpstream(binary: string, directory: string, count: number): Promise<ManyReplicator> {
  const start = performance.now();
  const databases = Array.from({ length: count }, (_, i) => ({ path: join(directory, `${i}.db`), replicaPath: join(directory, "replicas", String(i)) }));
  const daemon = await UpstreamDaemon.start(binary, join(directory, "d"), databases);
  const end = start + START_MS;
  for (const { replicaPath } of databases) {
    const level0 = join(replicaPath, "ltx", "0");
    while (!existsSync(level0) || readdirSync(level0).length === 0) {
      if (performance.now() > end) throw new Error(`${replicaPath} is still empty`);
      await sleep(20);
    }
  }
  return {
    pid: daemon.pid ?? -1,
    syncedSeconds: (performance.now() - start) / 1000,
    async stop() {
      await daemon.stop();
    },
  };
}
