import type { BookReport } from "./check.js";
import { table } from "./terminal.js";

/** A restored state. */
export interface Restored {
  readonly book: BookReport;
  /** TXID of the restored state. */
  readonly txid: string;
  readonly ms: number;
}

/** What the run showed. */
export interface Outcome {
  /** Commits whose counter was read before a `syncAndWait()` that resolved. */
  readonly acknowledged: number;
  readonly newest: Restored;
  /** A moment before the end. */
  readonly earlier: Restored & {
    /** What was asked for. */
    readonly asOf: Date;
    /** Commits that had been acknowledged at the time of the state that was found. */
    readonly acknowledged: number;
  };
  /** More rows for the table. */
  readonly keeping: readonly (readonly [string, string])[];
}

/** Acknowledged commits that the restored database does not hold. */
export function lostCommits({ acknowledged, newest }: Outcome): number {
  return Math.max(acknowledged - newest.book.commits, 0);
}

/** Whether everything that was promised was kept: nothing lost, nothing half there, and something was tried at all. */
export function kept(outcome: Outcome): boolean {
  const { acknowledged, newest, earlier } = outcome;
  const isSound = newest.book.faults.length === 0 && earlier.book.faults.length === 0;
  const isEarlierRight = earlier.book.commits >= earlier.acknowledged && earlier.book.commits <= newest.book.commits;
  return acknowledged > 0 && lostCommits(outcome) === 0 && isSound && isEarlierRight;
}

export function outcomeText(outcome: Outcome): string {
  const { acknowledged, newest, earlier, keeping } = outcome;
  const { commits, transfers, documents, integrity } = newest.book;
  const rows: (readonly [string, string])[] = [
    ["commits acknowledged", String(acknowledged)],
    ["commits found", `${commits} (${transfers} transfers, ${documents} documents)`],
    ["commits lost", String(lostCommits(outcome))],
    ["integrity check", integrity],
    ["rules of the book", rulesText(newest.book)],
    ["restored to TXID", newest.txid],
    ["restore time", `${Math.round(newest.ms)} ms`],
    [
      `as of ${earlier.asOf.toISOString().slice(11, 23)}`,
      `${earlier.book.commits} commits, ${earlier.acknowledged} of them acknowledged by then; TXID ${earlier.txid}`,
    ],
    ["… rules of the book", rulesText(earlier.book)],
    ...keeping,
  ];
  return table(rows);
}

function rulesText({ faults }: BookReport): string {
  return faults.length === 0 ? "kept by every row" : faults.join("; ");
}
