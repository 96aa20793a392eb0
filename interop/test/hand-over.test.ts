import { type DatabaseModel, modelOfLive, Replicator, tempDir, UpstreamDaemon, upstreamOrSkip, Writer } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { levelZero } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";
import { cutOf } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();

/** More than this share of the database in one file means that it was written anew instead of continued. */
const IMAGE_SHARE = 0.5;

describe.skipIf(upstream === undefined)("one replica, two replicators by turns", () => {
  const binary = upstream ?? "";

  it.each(["worker", "inline"] as const)("goes on without an image while the WAL proves continuity (%s)", { timeout: 120_000 }, async (host) => {
    using dir = tempDir("c");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    const models = new Map<bigint, DatabaseModel>();
    // The application stays open all the time, so the WAL survives every change of hands.
    await using writer = await Writer.start({ path, seed: 77, workload: "tiny", checkpoints: false });
    await writer.huge(4 << 20);
    const turns: { readonly who: string; readonly before: bigint; readonly after: bigint }[] = [];
    let position = 0n;

    const byUpstreamInTurn = async (): Promise<void> => {
      await using daemon = await UpstreamDaemon.start(binary, dir.file("u"), [{ path, replicaPath, minCheckpointPages: 100_000 }]);
      for (let i = 0; i < 3; i++) {
        await writer.step(3);
        const { txid, model } = await cutOf(daemon, path);
        models.set(txid, model);
      }
      expect(await daemon.stop()).toBe(0);
      const after = (await levelZero(replicaPath)).at(-1)?.txid ?? 0n;
      turns.push({ who: "upstream", before: position, after });
      position = after;
    };
    const byUsInTurn = async (): Promise<void> => {
      await using replicator = new Replicator({ path, replicaPath, replica: { syncIntervalMs: 3_600_000 }, db: { host, minCheckpointPages: 1_000_000 } });
      await replicator.open();
      for (let i = 0; i < 3; i++) {
        await writer.step(3);
        models.set(await replicator.sync(), modelOfLive(path));
      }
      await replicator.syncAndWait();
      await replicator.close();
      const after = (await levelZero(replicaPath)).at(-1)?.txid ?? 0n;
      turns.push({ who: "we", before: position, after });
      position = after;
    };

    await byUpstreamInTurn();
    await byUsInTurn();
    await byUpstreamInTurn();
    await byUsInTurn();

    const files = await levelZero(replicaPath);
    expect(files.map((file) => file.txid)).toEqual(files.map((_, i) => BigInt(i + 1)));
    for (const { who, before, after } of turns.slice(1)) {
      expect(after, `${who} made no file`).toBeGreaterThan(before);
      for (const file of files.filter((f) => f.txid > before && f.txid <= after)) {
        expect(file.pages / file.commit, `TXID ${file.txid} by ${who}: ${file.pages} of ${file.commit} pages`).toBeLessThan(IMAGE_SHARE);
      }
    }
    const known = [{ name: "hand-over", replicaPath, models }];
    expect((await judge(known, dir.path, 2, byUs)).faults).toEqual([]);
    expect((await judge(known, dir.path, 2, byUpstream(binary))).faults).toEqual([]);
  });

  it("compares with the destination where the WAL is gone, and sends only what differs", { timeout: 120_000 }, async () => {
    using dir = tempDir("c");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    const models = new Map<bigint, DatabaseModel>();
    const write = async (seed: number, steps: number): Promise<void> => {
      await using writer = await Writer.start({ path, seed, workload: "tiny" });
      await writer.step(steps);
      await writer.close();
    };
    {
      await using writer = await Writer.start({ path, seed: 1, workload: "tiny" });
      for (let i = 0; i < 12; i++) await writer.act("bulk");
      await writer.close();
    }
    const handOver = async (seed: number): Promise<void> => {
      {
        await using daemon = await UpstreamDaemon.start(binary, dir.file("u"), [{ path, replicaPath }]);
        await write(seed, 3);
        const { txid, model } = await cutOf(daemon, path);
        models.set(txid, model);
        await daemon.stop();
      }
      // Nobody has the database open: this application's close folds the WAL into it and deletes it.
      await write(seed + 1, 3);
      const before = (await levelZero(replicaPath)).at(-1)?.txid ?? 0n;
      await using replicator = new Replicator({ path, replicaPath });
      await replicator.open();
      models.set(await replicator.syncAndWait(), modelOfLive(path));
      await replicator.close();
      await write(seed + 2, 3);
      const ours = (await levelZero(replicaPath)).filter((file) => file.txid > before);
      expect(ours.length).toBeGreaterThan(0);
      for (const file of ours) expect(file.pages / file.commit, `TXID ${file.txid}: ${file.pages} of ${file.commit} pages`).toBeLessThan(IMAGE_SHARE);
    };
    await handOver(100);
    await handOver(200);
    const known = [{ name: "hand-over without WAL", replicaPath, models }];
    expect((await judge(known, dir.path, 2, byUs)).faults).toEqual([]);
    expect((await judge(known, dir.path, 2, byUpstream(binary))).faults).toEqual([]);
  });
});
