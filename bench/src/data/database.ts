import { rmSync } from "node:fs";
import { Random } from "@ls/testkit";
import Database from "better-sqlite3";
import { MixedContent } from "./mixed-content.js";

export interface DatabaseSpec {
  readonly pageSize: number;
  /** Size wanted; the file comes out up to a few per cent larger. */
  readonly bytes: number;
  /** `mixed`: what applications keep, compresses to about half. `random`: blobs that do not compress. */
  readonly kind: "mixed" | "random";
  readonly seed: number;
}

/** Writes a database in WAL mode, everything checkpointed, no `-wal` beside it. The same spec gives the same content. */
export function makeDatabase(path: string, spec: DatabaseSpec): void {
  rmSync(path, { force: true });
  const db = new Database(path);
  try {
    db.pragma(`page_size = ${spec.pageSize}`);
    db.pragma("journal_mode = OFF");
    db.pragma("synchronous = OFF");
    // In KiB; indexes are filled in random order, and a page that leaves the cache is written again and again.
    db.pragma(`cache_size = ${-Math.ceil((spec.bytes * 1.2) / 1024)}`);
    const random = new Random(spec.seed);
    const size = db.prepare<[], number>("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").pluck();
    const addBatch = spec.kind === "mixed" ? mixed(db, random) : incompressible(db, random);
    while ((size.get() ?? 0) < spec.bytes) db.transaction(addBatch)();
    db.pragma("journal_mode = WAL");
  } finally {
    db.close();
  }
}

function mixed(db: Database.Database, random: Random): () => void {
  const content = new MixedContent(db, random);
  return () => content.addBatch();
}

function incompressible(db: Database.Database, random: Random): () => void {
  db.exec("CREATE TABLE object(id INTEGER PRIMARY KEY, data BLOB NOT NULL)");
  const insert = db.prepare("INSERT INTO object(data) VALUES (?)");
  return () => {
    for (let i = 0; i < 8; i++) insert.run(random.bytes(random.int(20_000, 200_000)));
  };
}
