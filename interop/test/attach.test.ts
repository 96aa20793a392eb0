import { statSync } from "node:fs";
import { contentHash, Replicator, tempDir, Writer } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { fileHash } from "../src/same-files.js";

/** What an application could notice of a visitor in its database. */
function visible(path: string): { schema: unknown; schemaVersion: unknown; userVersion: unknown; changeCounter: number; journalMode: unknown } {
  const db = new Database(path, { readonly: true });
  try {
    return {
      schema: db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").all(),
      schemaVersion: db.pragma("schema_version", { simple: true }),
      userVersion: db.pragma("user_version", { simple: true }),
      changeCounter: db.serialize().readUInt32BE(24),
      journalMode: db.pragma("journal_mode", { simple: true }),
    };
  } finally {
    db.close();
  }
}

describe("attach and detach", () => {
  it.each(["worker", "inline"] as const)("[A36] leave schema, content and every byte of the database as they were (%s)", async (host) => {
    using dir = tempDir("g");
    const path = dir.file("a.db");
    await using writer = await Writer.start({ path, seed: 4, workload: "mixed" });
    await writer.step(40);
    await writer.close();
    const before = { visible: visible(path), content: contentHash(path), bytes: await fileHash(path), mode: statSync(path).mode };
    for (let i = 0; i < 5; i++) {
      await using replicator = new Replicator({ path, replicaPath: dir.file("replica"), db: { host } });
      await replicator.open();
      await replicator.syncAndWait();
      if (i % 2 === 0) await replicator.checkpoint();
      await replicator.close();
    }
    expect({ visible: visible(path), content: contentHash(path), bytes: await fileHash(path), mode: statSync(path).mode }).toEqual(before);
  });

  it.each(["worker", "inline"] as const)("[A36] and a checkpoint in between leave schema and content as they were (%s)", async (host) => {
    using dir = tempDir("g");
    const path = dir.file("a.db");
    // It stays open: without anybody's WAL there is nothing to checkpoint, and no connection is opened for it.
    await using writer = await Writer.start({ path, seed: 6, workload: "mixed", checkpoints: false });
    await writer.step(40);
    const before = { visible: visible(path), content: contentHash(path) };
    await using replicator = new Replicator({ path, replicaPath: dir.file("replica"), db: { host } });
    await replicator.open();
    await replicator.syncAndWait();
    const bytes = await fileHash(path);
    await replicator.checkpoint();
    expect(await fileHash(path)).not.toBe(bytes);
    await replicator.close();
    expect({ visible: visible(path), content: contentHash(path) }).toEqual(before);
  });

  it("do not write while nothing is written: no new TXID, no new file", async () => {
    using dir = tempDir("g");
    const path = dir.file("a.db");
    await using writer = await Writer.start({ path, seed: 5, workload: "mixed" });
    await writer.step(20);
    await using replicator = new Replicator({
      path,
      replicaPath: dir.file("replica"),
      replica: { syncIntervalMs: 10 },
      db: { monitorIntervalMs: 10, checkpointIntervalMs: 20, minCheckpointPages: 1 },
    });
    await replicator.open();
    const txid = await replicator.syncAndWait();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await replicator.syncAndWait()).toBe(txid);
    expect(await replicator.syncStatus()).toEqual({ localTXID: txid, remoteTXID: txid, inSync: true });
    await replicator.close();
  });
});
