import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, Replica } from "@ls/core";
import { formatLTXFilename } from "@ls/ltx";
import { firstDifference, integrityProblem, modelOf, tempDir, upstreamOrSkip, upstreamRestore, Writer, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();

/** A replica that holds the level-0 files only, or one snapshot only. */
function part(replicaPath: string, to: string, level: number, name?: string): string {
  const folder = join(to, "ltx", String(level));
  mkdirSync(folder, { recursive: true });
  const from = join(replicaPath, "ltx", String(level));
  cpSync(name === undefined ? from : join(from, name), name === undefined ? folder : join(folder, name), { recursive: true, preserveTimestamps: true });
  return to;
}

describe.skipIf(upstream === undefined)("db.snapshot() beside a writer at full speed", () => {
  const binary = upstream ?? "";

  it.each([512, 4096, 65536])("upstream restores each to what the level-0 files up to its TXID give; page size %i", { timeout: 120_000 }, async (pageSize) => {
    using dir = tempDir("p");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: pageSize, workload: "mixed", pageSize, checkpoints: true });
    await writer.step(40);
    const client = new FileReplicaClient({ path: replicaPath });
    await using db = new DB(path, { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline" });
    await db.open();
    await writer.run();
    const txids: bigint[] = [];
    for (let i = 0; i < 4; i++) {
      txids.push((await db.snapshot()).txid);
      const { committed } = await writer.committed();
      await waitFor("another commit", 20_000, async () => (await writer.committed()).committed > committed);
    }
    await writer.pause();
    txids.push((await db.snapshot()).txid);
    await db.close();
    expect(new Set(txids).size).toBe(txids.length);
    const changes = part(replicaPath, dir.file("changes"), 0);
    for (const txid of txids) {
      const expected = dir.file(`${txid}-expected.db`);
      expect(await byUs(changes, expected, txid)).toBeUndefined();
      const alone = part(replicaPath, dir.file(`${txid}-alone`), 9, formatLTXFilename(1n, txid));
      for (const [who, replica] of [
        ["alone", alone],
        ["all", replicaPath],
      ] as const) {
        const restored = dir.file(`${txid}-${who}.db`);
        const { exitCode, stderr } = await upstreamRestore(binary, replica, restored, { txid });
        expect(exitCode, stderr).toBe(0);
        expect(firstDifference(restored, modelOf(readFileSync(expected))), `TXID ${txid} from ${who}`).toBeUndefined();
        expect(integrityProblem(restored)).toBeUndefined();
      }
    }
  });
});
