import type { BookReport } from "./check.js";
import { table } from "./terminal.js";

/** What the run showed. */
export interface Outcome {
  /** Commits whose counter was read before a `syncAndWait()` that resolved. */
  readonly acknowledged: number;
  readonly restored: BookReport;
  readonly restoreMs: number;
  /** TXID of the restored state. */
  readonly txid: string;
}

/** Acknowledged commits that the restored database does not hold. */
export function lostCommits({ acknowledged, restored }: Outcome): number {
  return Math.max(acknowledged - restored.commits, 0);
}

/** Whether everything that was promised was kept: nothing lost, nothing half there, and something was tried at all. */
export function kept(outcome: Outcome): boolean {
  return outcome.acknowledged > 0 && lostCommits(outcome) === 0 && outcome.restored.faults.length === 0;
}

export function outcomeText(outcome: Outcome): string {
  const { acknowledged, restored, restoreMs, txid } = outcome;
  const rows: (readonly [string, string])[] = [
    ["commits acknowledged", String(acknowledged)],
    ["commits found", `${restored.commits} (${restored.transfers} transfers, ${restored.documents} documents)`],
    ["commits lost", String(lostCommits(outcome))],
    ["integrity check", restored.integrity],
    ["rules of the book", restored.faults.length === 0 ? "kept by every row" : restored.faults.join("; ")],
    ["restored to TXID", txid],
    ["restore time", `${Math.round(restoreMs)} ms`],
  ];
  return table(rows);
}
