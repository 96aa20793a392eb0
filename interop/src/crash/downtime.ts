import { cpSync, existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Action, type Random, Writer } from "@ls/testkit";
import { highestTXID } from "../replica-files.js";

/** What happens to the database while nobody replicates it. */
export const DOWNTIMES = [
  "nothing",
  "foreign commits",
  "checkpoint passive, fewer commits",
  "checkpoint full, fewer commits",
  "checkpoint restart, fewer commits",
  "checkpoint truncate, fewer commits",
  "foreign commits, orderly close",
  "lost database",
  "lost database and meta directory",
  "lost meta directory",
  "old copy with its meta directory",
  "old copy alone",
] as const;
export type Downtime = (typeof DOWNTIMES)[number];

/** The files of one replicated database. */
export interface Home {
  readonly path: string;
  readonly metaPath: string;
  readonly replicaPath: string;
  /** Where an older state of database, WAL and meta directory is kept. */
  readonly keptPath: string;
}

export function homeIn(directory: string): Home {
  return {
    path: join(directory, "a.db"),
    metaPath: join(directory, ".a.db-litestream"),
    replicaPath: join(directory, "replica"),
    keptPath: join(directory, "kept"),
  };
}

/** Keeps a copy of database, WAL and meta directory; only while no process has them open. */
export function keepCopy(home: Home): void {
  rmSync(home.keptPath, { recursive: true, force: true });
  copyDatabase(home.path, join(home.keptPath, "a.db"));
  cpSync(home.metaPath, join(home.keptPath, "meta"), { recursive: true, preserveTimestamps: true });
}

/** Whether the kept copy has a position of its own, and the destination is above it. */
export function copyIsBehind(home: Home): boolean {
  const kept = highestTXID(join(home.keptPath, "meta", "ltx", "0"));
  return kept > 0n && kept < highestTXID(join(home.replicaPath, "ltx", "0"));
}

/** Does to the files what the downtime says; only while no process has them open. */
export async function sufferDowntime(home: Home, downtime: Downtime, random: Random): Promise<void> {
  if (downtime === "foreign commits") await foreignCommits(home, random, undefined, "kill");
  else if (downtime === "foreign commits, orderly close") await foreignCommits(home, random, undefined, "close");
  else if (downtime.startsWith("checkpoint ")) {
    // `as`: the second word of these names is the checkpoint's mode.
    await foreignCommits(home, random, `checkpoint-${downtime.split(/[ ,]/)[1]}` as Action, "kill");
  }
  if (downtime.startsWith("lost database") || downtime.startsWith("old copy")) {
    for (const suffix of ["", "-wal", "-shm"]) rmSync(home.path + suffix, { force: true });
  }
  if (downtime.endsWith("meta directory") || downtime === "old copy alone") rmSync(home.metaPath, { recursive: true, force: true });
  if (downtime.startsWith("old copy")) copyDatabase(join(home.keptPath, "a.db"), home.path);
  if (downtime === "old copy with its meta directory") cpSync(join(home.keptPath, "meta"), home.metaPath, { recursive: true, preserveTimestamps: true });
}

/**
 * Several transactions, the checkpoint, then one: the WAL begins anew and stays shorter than it was, which is where a
 * replicator that trusts its old offset loses the transactions in between.
 */
async function foreignCommits(home: Home, random: Random, checkpoint: Action | undefined, end: "kill" | "close"): Promise<void> {
  await using writer = await Writer.start({ path: home.path, seed: random.uint32(), workload: "tiny" });
  await writer.step(random.int(3, 8));
  if (checkpoint !== undefined) {
    await writer.act(checkpoint);
    await writer.step(1);
  }
  if (end === "close") await writer.close();
}

function copyDatabase(from: string, to: string): void {
  for (const suffix of ["", "-wal"]) if (existsSync(from + suffix)) cpSync(from + suffix, to + suffix);
}
