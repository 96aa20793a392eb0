import Database from "better-sqlite3";

/** The lock page begins at this byte. */
const LOCK_BYTE = 2 ** 30;

/** A database that ends some pages behind the lock page. Zeros: its image compresses to little. */
export function makeAroundLockPage(path: string, pageSize: number): void {
  const db = new Database(path);
  try {
    db.pragma(`page_size = ${pageSize}`);
    db.pragma("journal_mode = OFF");
    db.pragma("synchronous = OFF");
    db.exec("CREATE TABLE filler(data BLOB)");
    const insert = db.prepare("INSERT INTO filler VALUES (zeroblob(?))");
    const bytes = db.prepare<[], number>("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").pluck();
    // SQLite's limit for one value is below a gigabyte.
    for (let i = 0; i < 3; i++) insert.run(LOCK_BYTE / 4);
    insert.run(LOCK_BYTE / 4 - 8 * pageSize);
    while ((bytes.get() ?? 0) <= LOCK_BYTE + 2 * pageSize) insert.run(pageSize);
    db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
}
