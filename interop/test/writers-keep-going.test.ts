import { LockProbe, modelOfLive, Replicator, tempDir, Writer, waitFor } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { byUs } from "../src/restores.js";

/** Far above any barrier (40 ms), far below a lock that is forgotten. */
const LONG_MS = 1_500;

/** Whoever held the lock for long would do so at every barrier; a machine that stands still for a moment does it once. */
function expectShort(waitsMs: readonly number[]): void {
  expect(waitsMs.filter((ms) => ms >= LONG_MS).length, `waits of ${LONG_MS} ms or longer among ${waitsMs.length}`).toBeLessThanOrEqual(1);
}

describe("the application beside the replicator", () => {
  it("never waits long for the write lock, although the WAL is folded under pressure", { timeout: 60_000 }, async () => {
    using dir = tempDir("p");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 41, workload: "bulk" });
    await writer.step(5);
    await using replicator = new Replicator({ path, replicaPath, replica: { syncIntervalMs: 50 }, db: { maxWalBytes: 1 << 20, minCheckpointPages: 100 } });
    await replicator.open();
    await using probe = await LockProbe.start(path, { timeoutMs: 5_000 });
    await writer.run(200);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    // On a busy machine that is not yet enough.
    await waitFor("fifty probes", 30_000, async () => (await probe.count()) > 50, 100);
    await writer.pause();
    const { waitsMs, probes, refused } = await probe.stop();
    expect(refused).toBe(0);
    expect(probes).toBeGreaterThan(50);
    expectShort(waitsMs);
    const txid = await replicator.syncAndWait();
    const known = [{ name: "under pressure", replicaPath, models: new Map([[txid, modelOfLive(path)]]) }];
    await replicator.close();
    expect((await judge(known, dir.path, 1, byUs)).faults).toEqual([]);
  });

  it("keeps its long read transaction, and says that it holds the WAL", { timeout: 60_000 }, async () => {
    using dir = tempDir("p");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 42, workload: "bulk" });
    await writer.step(3);
    const events: string[] = [];
    await using replicator = new Replicator({
      path,
      replicaPath,
      replica: { syncIntervalMs: 50 },
      db: { maxWalBytes: 1 << 20, minCheckpointPages: 100 },
      onEvent: (event) => events.push((event as { type: string }).type), // `as`: the product's events
    });
    await replicator.open();
    await using reader = await Writer.start({ path, seed: 43, workload: "tiny" });
    const { committed } = await reader.beginRead(path);
    await using probe = await LockProbe.start(path, { timeoutMs: 5_000 });
    await waitFor("the event about the long reader", 20_000, async () => {
      await writer.step(4);
      return events.includes("reader-blocks-checkpoint");
    });
    const { waitsMs, refused } = await probe.stop();
    expect(refused).toBe(0);
    expectShort(waitsMs);
    expect((await writer.committed()).committed).toBeGreaterThan(committed);
    await reader.endRead();
    const txid = await replicator.syncAndWait();
    const known = [{ name: "long reader", replicaPath, models: new Map([[txid, modelOfLive(path)]]) }];
    await replicator.close();
    expect((await judge(known, dir.path, 1, byUs)).faults).toEqual([]);
  });
});
