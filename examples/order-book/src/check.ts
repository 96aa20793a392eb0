import type { Database } from "better-sqlite3";
import { ACCOUNTS, digestOf, lastBatch, OPENING_BALANCE } from "./book.js";

export interface BookReport {
  /** Number of the newest batch: as many commits are there, when nothing is wrong. */
  readonly commits: number;
  readonly transfers: number;
  readonly documents: number;
  /** `ok`, or what SQLite found first. */
  readonly integrity: string;
  /** What contradicts the rules of the book, worded for people; empty when the database is a state that a commit left. */
  readonly faults: readonly string[];
}

/** Reads every row of a book and holds it against the rules. */
export function checkBook(db: Database): BookReport {
  const commits = lastBatch(db);
  // `as` here and below: each statement returns the one column that its text names.
  const integrity = db.pragma("integrity_check", { simple: true }) as string;
  return {
    commits,
    transfers: count(db, "transfer"),
    documents: count(db, "document"),
    integrity,
    faults: [...(integrity === "ok" ? [] : [`integrity check: ${integrity}`]), ...batchFaults(db, commits), ...balanceFaults(db), ...documentFaults(db)],
  };
}

function count(db: Database, table: "transfer" | "document" | "batch"): number {
  return db.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
}

function batchFaults(db: Database, commits: number): string[] {
  const faults: string[] = [];
  const present = count(db, "batch");
  if (present !== commits) faults.push(`${commits - present} commits are missing below number ${commits}`);
  const torn = db
    .prepare(
      `SELECT count(*) FROM (SELECT batch, count(*) AS held FROM transfer GROUP BY batch) AS found
         FULL JOIN batch ON batch.number = found.batch WHERE batch.transfers IS NOT found.held`,
    )
    .pluck()
    .get() as number;
  if (torn > 0) faults.push(`${torn} commits hold another number of transfers than they were made of`);
  return faults;
}

function balanceFaults(db: Database): string[] {
  const wrong = db
    .prepare(
      `SELECT count(*) FROM account
         LEFT JOIN (SELECT debtor AS id, sum(amount) AS paid FROM transfer GROUP BY debtor) USING (id)
         LEFT JOIN (SELECT creditor AS id, sum(amount) AS received FROM transfer GROUP BY creditor) USING (id)
         WHERE balance <> ? - coalesce(paid, 0) + coalesce(received, 0)`,
    )
    .pluck()
    .get(OPENING_BALANCE) as number;
  const total = db.prepare("SELECT sum(balance) FROM account").pluck().get() as number;
  const faults: string[] = [];
  if (wrong > 0) faults.push(`${wrong} accounts do not agree with their transfers`);
  if (total !== ACCOUNTS * OPENING_BALANCE) faults.push(`the balances add up to ${total}, not ${ACCOUNTS * OPENING_BALANCE}`);
  return faults;
}

function documentFaults(db: Database): string[] {
  const documents = db.prepare("SELECT batch, body, digest FROM document").iterate() as IterableIterator<{
    batch: number;
    body: Uint8Array;
    digest: Uint8Array;
  }>;
  const faults: string[] = [];
  for (const { batch, body, digest } of documents) {
    if (!digestOf(body).every((byte, at) => byte === digest[at])) faults.push(`the document of commit ${batch} is damaged`);
  }
  return faults;
}
