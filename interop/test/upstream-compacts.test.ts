import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseLTXFilename } from "@ls/ltx";
import { type DatabaseModel, modelOfLive, Replicator, tempDir, UpstreamDaemon, upstreamOrSkip, Writer, waitFor } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { highestTXID } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";
import { cutOf } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();

describe.skipIf(upstream === undefined)("upstream compacts what we wrote", () => {
  const binary = upstream ?? "";

  it("into levels and a snapshot that both restore, and we go on above them", { timeout: 120_000 }, async () => {
    using dir = tempDir("l");
    const path = dir.file("a.db");
    const replicaPath = dir.file("replica");
    await using writer = await Writer.start({ path, seed: 31, workload: "mixed", pageSize: 1024, checkpoints: false });
    await writer.step(3);
    const settings = { path, replicaPath, replica: { syncIntervalMs: 3_600_000 }, db: { minCheckpointPages: 1_000_000 } };
    {
      await using replicator = new Replicator(settings);
      await replicator.open();
      for (let i = 0; i < 12; i++) {
        await writer.step(3);
        await replicator.sync();
      }
      await replicator.syncAndWait();
      await replicator.close();
    }
    const ours = highestTXID(join(replicaPath, "ltx", "0"));
    const models = new Map<bigint, DatabaseModel>();
    {
      const levels = { levelIntervals: ["1s", "2s"], snapshotInterval: "2s" };
      await using daemon = await UpstreamDaemon.start(binary, dir.file("u"), [{ path, replicaPath, minCheckpointPages: 100_000 }], levels);
      await writer.step(1);
      const { txid, model } = await cutOf(daemon, path);
      models.set(txid, model);
      await waitFor(
        "compaction of our files by upstream",
        30_000,
        () => [1, 9].every((level) => highestTXID(join(replicaPath, "ltx", String(level))) >= txid),
        100,
      );
      await daemon.stop();
    }
    // What is left of ours is only what upstream made of it; the newest level 0 file stays, as its retention leaves it.
    const newest = highestTXID(join(replicaPath, "ltx", "0"));
    for (const name of readdirSync(join(replicaPath, "ltx", "0"))) {
      if ((parseLTXFilename(name)?.maxTXID ?? newest) < newest) rmSync(join(replicaPath, "ltx", "0", name));
    }
    expect(newest).toBeGreaterThan(ours);
    {
      await using replicator = new Replicator(settings);
      await replicator.open();
      await writer.step(2);
      const txid = await replicator.syncAndWait();
      expect(txid).toBe(newest + 1n);
      models.set(txid, modelOfLive(path));
      await replicator.close();
    }
    const known = [{ name: "compacted", replicaPath, models }];
    expect((await judge(known, dir.path, 1, byUs)).faults).toEqual([]);
    expect((await judge(known, dir.path, 1, byUpstream(binary))).faults).toEqual([]);
  });
});
