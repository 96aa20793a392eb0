import { LTX_HEADER_SIZE, LTX_TRAILER_SIZE } from "@ls/ltx";
import { RetryBudget } from "../backend-kit/retry-budget.js";
import { ALL_LEVELS } from "../levels.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import type { DamagedFile } from "./plan-error.js";

export interface ReplicaListing {
  readonly files: readonly LTXFileInfo[];
  /** Those of `files` that are too short to be LTX files. */
  readonly damaged: readonly DamagedFile[];
}

export interface ListReplicaOptions {
  readonly accurateTimestamps: boolean;
  readonly inOrder: boolean;
  /** Wait failures out that may pass by themselves. Default true; callers that repeat the whole say false. */
  readonly patient?: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Lists every level once. One level after the other (`inOrder`), a replica being compacted meanwhile shows no hole that is not there:
 * files move upwards, and a level is looked at before the one its files move to. All at once is faster and nearly always right.
 */
export async function listReplica(client: ReplicaClient, options: ListReplicaOptions): Promise<ReplicaListing> {
  const listLevel = (level: number): Promise<LTXFileInfo[]> => listOneLevel(client, level, options);
  const levels: LTXFileInfo[][] = [];
  if (options.inOrder) {
    for (const level of ALL_LEVELS) levels.push(await listLevel(level));
  } else {
    levels.push(...(await Promise.all(ALL_LEVELS.map(listLevel))));
  }
  const files = levels.flat();
  const damaged = files
    .filter((file) => file.size < LTX_HEADER_SIZE + LTX_TRAILER_SIZE)
    .map(({ level, minTXID, maxTXID, size }) => ({ level, minTXID, maxTXID, reason: `only ${size} bytes long` }));
  return { files, damaged };
}

async function listOneLevel(client: ReplicaClient, level: number, { accurateTimestamps, patient = true, signal }: ListReplicaOptions): Promise<LTXFileInfo[]> {
  const budget = new RetryBudget(signal);
  for (;;) {
    const files: LTXFileInfo[] = [];
    try {
      for await (const file of client.ltxFiles(level, { accurateTimestamps, signal })) files.push(file);
      return files;
    } catch (error) {
      if (!patient) throw error;
      await budget.afterFailure(error);
    }
  }
}
