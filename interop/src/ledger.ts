import Database from "better-sqlite3";

/** The transactions that a database holds, by the numbers in its `ledger` table; throws when one is missing in the middle. */
export function committedIn(path: string): number {
  const db = new Database(path, { readonly: true, timeout: 10_000 });
  try {
    // `as`: one row of two integers.
    const row = db.prepare("SELECT count(*) AS rows, coalesce(max(n), 0) AS newest FROM ledger").get() as { rows: number; newest: number };
    if (row.rows !== row.newest) throw new Error(`the ledger runs to ${row.newest} but has ${row.rows} rows: transactions are missing in the middle`);
    return row.newest;
  } finally {
    db.close();
  }
}
