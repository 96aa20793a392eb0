import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type DatabaseModel, modelOfLive, Replicator, UpstreamDaemon, Writer } from "@ls/testkit";
import type { KnownReplica } from "./judge.js";
import { cutOf } from "./upstream-writes.js";

/** A small state, one transaction of `bytes` bytes, and a small change after it: recorded by us. */
export async function hugeByUs(home: string, bytes: number): Promise<KnownReplica> {
  const { path, replicaPath, models, writer } = await begin(home);
  await using _ = writer;
  await using replicator = new Replicator({ path, replicaPath, replica: { syncIntervalMs: 3_600_000 } });
  await replicator.open();
  await record(writer, bytes, async () => {
    models.set(await replicator.sync(), modelOfLive(path));
  });
  await replicator.syncAndWait();
  await replicator.close();
  return { name: `one transaction of ${bytes} bytes`, replicaPath, models };
}

/** The same, recorded by upstream. */
export async function hugeByUpstream(binary: string, home: string, bytes: number): Promise<KnownReplica> {
  const { path, replicaPath, models, writer } = await begin(home);
  await using _ = writer;
  await using daemon = await UpstreamDaemon.start(binary, join(home, "u"), [{ path, replicaPath }]);
  await record(writer, bytes, async () => {
    const { txid, model } = await cutOf(daemon, path);
    models.set(txid, model);
  });
  await daemon.stop();
  return { name: `one transaction of ${bytes} bytes`, replicaPath, models };
}

async function begin(home: string): Promise<{ path: string; replicaPath: string; models: Map<bigint, DatabaseModel>; writer: Writer }> {
  mkdirSync(home, { recursive: true });
  const path = join(home, "a.db");
  const writer = await Writer.start({ path, seed: 300, workload: "tiny", checkpoints: false });
  await writer.step(3);
  return { path, replicaPath: join(home, "replica"), models: new Map(), writer };
}

async function record(writer: Writer, bytes: number, cut: () => Promise<void>): Promise<void> {
  await cut();
  await writer.huge(bytes);
  await cut();
  await writer.step(2);
  await cut();
}
