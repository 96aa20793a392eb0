import { rmSync } from "node:fs";
import { type DatabaseModel, firstDifference, integrityProblem } from "@ls/testkit";

/** States of one replica that are known page by page. */
export interface KnownReplica {
  readonly name: string;
  /** Directory or URL. */
  readonly replicaPath: string;
  readonly models: ReadonlyMap<bigint, DatabaseModel>;
}

export interface Verdict {
  /** TXIDs that were restored and compared. */
  readonly restored: number;
  /** One line per wrong or failed restore. */
  readonly faults: readonly string[];
}

/** Restores one TXID into a new file; a returned text is why it failed. */
export type RestoreOne = (replicaPath: string, outputPath: string, txid: bigint) => Promise<string | undefined>;

/**
 * Restores every known TXID and compares it page by page with its model, then by integrity_check; `parallel` at a time.
 * Faults are collected, so that one run shows them all.
 */
export async function judge(replicas: readonly KnownReplica[], scratch: string, parallel: number, restoreOne: RestoreOne): Promise<Verdict> {
  const work = replicas.flatMap((replica) => [...replica.models].map(([txid, model]) => ({ replica, txid, model })));
  const faults: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < work.length; i = next++) {
      const item = work[i];
      if (item === undefined) return;
      const output = `${scratch}/restored-${i}.db`;
      const problem = await restoreOne(item.replica.replicaPath, output, item.txid).catch((error: unknown) => describe(error));
      const fault = problem ?? firstDifference(output, item.model) ?? integrityProblem(output);
      if (fault !== undefined) faults.push(`${item.replica.name} TXID ${item.txid}: ${fault}`);
      for (const suffix of ["", "-wal", "-shm"]) rmSync(output + suffix, { force: true });
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return { restored: work.length, faults };
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? `${String(error.code)} ` : "";
  return `${code}${error.message}`;
}
