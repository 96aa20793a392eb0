import { Replicator, UpstreamDaemon, withDeadline } from "@ls/testkit";

const STOP_MS = 120_000;

/** A replicator at work in a process of its own. */
export interface RunningReplicator {
  readonly pid: number;
  /** Everything committed so far is in the replica when it resolves. */
  sync(): Promise<void>;
  /** Replicates the rest and ends the process. */
  stop(): Promise<void>;
  /** Ends the process at once; after `stop` it does nothing. */
  kill(): Promise<void>;
}

export interface OurSettings {
  /** As of `Replica`. Default: its default. */
  readonly syncIntervalMs?: number;
  /** The database is opened in a Store with its defaults, which merges and snapshots as the daemon does. Default: a `DB` alone. */
  readonly keeps?: boolean;
}

/** `@ls/core` with the file backend, and its defaults. */
export async function startOurs(path: string, replicaPath: string, { syncIntervalMs, keeps = false }: OurSettings = {}): Promise<RunningReplicator> {
  const replicator = new Replicator({
    path,
    replicaPath,
    ...(syncIntervalMs === undefined ? {} : { replica: { syncIntervalMs } }),
    ...(keeps ? { store: {} } : {}),
  });
  try {
    await replicator.open();
    await replicator.syncAndWait();
  } catch (error) {
    await replicator.kill();
    throw error;
  }
  return {
    pid: replicator.child.pid,
    async sync() {
      await replicator.syncAndWait();
    },
    async stop() {
      await withDeadline("the end of our replicator", STOP_MS, replicator.close());
      await replicator.kill();
    },
    kill: () => replicator.kill(),
  };
}

/** The upstream daemon with its defaults, written out; `interval` for looking and uploading, default `"1s"`. */
export async function startUpstream(binary: string, directory: string, path: string, replicaPath: string, interval = "1s"): Promise<RunningReplicator> {
  const daemon = await UpstreamDaemon.start(
    binary,
    directory,
    [{ path, replicaPath, monitorInterval: interval, checkpointInterval: "1m", minCheckpointPages: 1000 }],
    {
      levelIntervals: ["30s", "5m", "1h"],
      snapshotInterval: "24h",
      l0Retention: "5m",
      logLevel: "info",
    },
  );
  try {
    await daemon.sync(path);
  } catch (error) {
    await daemon.kill();
    throw error;
  }
  return {
    pid: daemon.pid ?? -1,
    async sync() {
      await daemon.sync(path);
    },
    async stop() {
      await daemon.stop();
    },
    kill: () => daemon.kill(),
  };
}
