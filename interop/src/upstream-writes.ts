import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type DatabaseModel, modelOfLive, Random, UpstreamDaemon, type UpstreamSettings, Writer } from "@ls/testkit";
import { besideDatabases, type Destination } from "./destination.js";
import type { KnownReplica } from "./judge.js";
import type { DatabasePlan } from "./matrix.js";

const ATTEMPTS = 20;

/**
 * Upstream replicates databases that the writer zoo writes; at each cut the writer rests and the state is kept as a model
 * under the TXID that upstream reports. Ends with an orderly stop of upstream.
 */
export async function replicateByUpstream(
  binary: string,
  directory: string,
  plans: readonly DatabasePlan[],
  settings: UpstreamSettings = {},
  destination: Destination = besideDatabases(directory),
): Promise<KnownReplica[]> {
  const databases = plans.map((plan) => {
    mkdirSync(join(directory, plan.name), { recursive: true });
    return { plan, path: join(directory, plan.name, "a.db"), replicaPath: destination.place(plan.name) };
  });
  const replicas: KnownReplica[] = [];
  for (const { plan, path } of databases) {
    await using writer = await Writer.start({
      path,
      seed: plan.seed,
      workload: plan.workload,
      checkpoints: plan.applicationCheckpoints,
      pageSize: plan.pageSize,
    });
    await writer.step(1);
    await writer.close();
  }
  await using daemon = await UpstreamDaemon.start(
    binary,
    join(directory, "u"),
    databases.map(({ plan, path, replicaPath }) => ({ path, replicaPath: destination.forUpstream(replicaPath), minCheckpointPages: plan.minCheckpointPages })),
    { ...settings, env: { ...destination.upstreamEnv, ...settings.env } },
  );
  for (const { plan, path, replicaPath } of databases) {
    await using writer = await Writer.start({ path, seed: plan.seed + 1, workload: plan.workload, checkpoints: plan.applicationCheckpoints });
    const random = new Random(plan.seed);
    const models = new Map<bigint, DatabaseModel>();
    for (let cut = 0; cut < plan.cuts; cut++) {
      const { txid, model } = await cutOf(daemon, path);
      models.set(txid, model);
      await writer.step(random.int(1, plan.maxSteps));
    }
    await writer.close();
    replicas.push({ name: plan.name, replicaPath, models });
  }
  await daemon.stop();
  return replicas;
}

/** Upstream's own checkpoint may write a row of its bookkeeping table between sync and look, so both are repeated until they agree. */
export async function cutOf(daemon: UpstreamDaemon, path: string): Promise<{ txid: bigint; model: DatabaseModel }> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { txid } = await daemon.sync(path);
    const model = modelOfLive(path);
    const again = await daemon.sync(path);
    if (again.txid === txid) return { txid, model };
  }
  throw new Error(`upstream's position on ${path} never came to rest`);
}
