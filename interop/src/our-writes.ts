import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type DatabaseModel, modelOfLive, Random, Replicator, Writer } from "@ls/testkit";
import { besideDatabases, type Destination } from "./destination.js";
import type { KnownReplica } from "./judge.js";
import type { DatabasePlan } from "./matrix.js";

/** Cuts happen only when the test asks for one, so that every file's state is known. */
const NEVER_BY_ITSELF = { syncIntervalMs: 3_600_000 };

/**
 * We replicate databases that the writer zoo writes (from a process of our own, worker and inline host by turns); at each
 * cut the writer rests, `sync()` returns the TXID, and the state is kept as a model under it.
 */
export async function replicateByUs(
  directory: string,
  plans: readonly DatabasePlan[],
  destination: Destination = besideDatabases(directory),
): Promise<KnownReplica[]> {
  const replicas: KnownReplica[] = [];
  for (const [i, plan] of plans.entries()) {
    const home = join(directory, plan.name);
    mkdirSync(home, { recursive: true });
    replicas.push(await replicateOne(home, plan, destination, i % 2 === 0 ? "worker" : "inline"));
  }
  return replicas;
}

async function replicateOne(home: string, plan: DatabasePlan, destination: Destination, host: "worker" | "inline"): Promise<KnownReplica> {
  const path = join(home, "a.db");
  const replicaPath = destination.place(plan.name);
  const random = new Random(plan.seed);
  await using writer = await Writer.start({
    path,
    seed: plan.seed,
    workload: plan.workload,
    checkpoints: plan.applicationCheckpoints,
    pageSize: plan.pageSize,
  });
  await writer.step(1);
  await using replicator = new Replicator({
    path,
    replicaPath,
    replica: NEVER_BY_ITSELF,
    db: { host, minCheckpointPages: plan.minCheckpointPages },
    env: destination.ourEnv,
  });
  await replicator.open();
  const models = new Map<bigint, DatabaseModel>();
  for (let cut = 0; cut < plan.cuts; cut++) {
    const txid = await replicator.sync();
    models.set(txid, modelOfLive(path));
    if (random.chance(0.15)) await replicator.checkpoint();
    if (random.chance(0.2)) {
      await writer.run();
      await new Promise((resolve) => setTimeout(resolve, random.int(1, 60)));
      await writer.pause();
    } else await writer.step(random.int(1, plan.maxSteps));
  }
  await replicator.syncAndWait();
  await replicator.close();
  await writer.close();
  return { name: `${plan.name} (${host})`, replicaPath, models };
}
