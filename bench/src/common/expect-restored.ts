import { rmSync } from "node:fs";
import { upstreamRestore } from "@ls/testkit";
import Database from "better-sqlite3";

export interface Restored {
  readonly replicaPath: string;
  /** Where to restore to; removed again. */
  readonly outputPath: string;
  /** A query of one number. */
  readonly sql: string;
  readonly expected: number;
}

/** Upstream restores the replica, the result is sound, and the query answers what it has to. What a replicator saved by leaving something out does not count. */
export async function expectRestored(binary: string, { replicaPath, outputPath, sql, expected }: Restored): Promise<void> {
  const restored = await upstreamRestore(binary, replicaPath, outputPath);
  if (restored.exitCode !== 0) throw new Error(`the replica cannot be restored: ${restored.stderr}${restored.stdout}`);
  const db = new Database(outputPath, { readonly: true });
  const integrity = db.pragma("quick_check(1)", { simple: true });
  const answer = db.prepare<[], number>(sql).pluck().get();
  db.close();
  for (const end of ["", "-shm", "-wal"]) rmSync(`${outputPath}${end}`, { force: true });
  if (integrity !== "ok") throw new Error(`the replica restores to a damaged database: ${String(integrity)}`);
  if (answer !== expected) throw new Error(`the replica answers ${answer} to ${sql}, not ${expected}`);
}

/** What is wrong with the replica by {@link expectRestored}; nothing: `undefined`. For that of upstream: a comparison tells it, and goes on. */
export function damageOf(binary: string, restored: Restored): Promise<string | undefined> {
  return expectRestored(binary, restored).then(
    () => undefined,
    (error: Error) => error.message,
  );
}
