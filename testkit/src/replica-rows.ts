import "@ls/backend-file";
import { restore } from "@ls/core/restore";
import Database from "better-sqlite3";
import { tempDir } from "./tmp.js";

/** Restores the newest state of a replica and asks it. @param replica URL of a backend that is registered. */
export async function rowsInReplica(replica: string, sql: string): Promise<unknown[]> {
  using dir = tempDir("rows");
  const outputPath = dir.file("restored.db");
  await restore(replica, { outputPath, integrityCheck: "quick", driver: Database });
  const db = new Database(outputPath, { readonly: true });
  try {
    return db.prepare(sql).all();
  } finally {
    db.close();
  }
}
