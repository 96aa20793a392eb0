import { rmSync } from "node:fs";
import { join } from "node:path";
import { firstDifference, seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { planDatabases } from "../src/matrix.js";
import { byUpstream, byUs } from "../src/restores.js";
import { fileHash } from "../src/same-files.js";
import { replicateByUpstream } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();

describe.skipIf(upstream === undefined)("upstream replicates, we restore", () => {
  const binary = upstream ?? "";

  it("gives every page of at least 400 states of 34 databases, page sizes 512 to 65536", { timeout: 300_000 }, async () => {
    using dir = tempDir("b");
    await withSeed(seedOf(20_260_101), async (random) => {
      const plans = planDatabases(random, 34, 13, false);
      const half = Math.ceil(plans.length / 2);
      const raw = await replicateByUpstream(binary, dir.file("raw"), plans.slice(0, half));
      // Levels 1, 2 and 9 as well, so that restores join files of several levels.
      const levels = { levelIntervals: ["1s", "2s"], snapshotInterval: "3s" };
      const compacted = await replicateByUpstream(binary, dir.file("levels"), plans.slice(half), levels);
      const replicas = [...raw, ...compacted];
      expect(replicas.length).toBeGreaterThanOrEqual(30);
      const ours = await judge(replicas, dir.path, 2, byUs);
      expect(ours.faults).toEqual([]);
      expect(ours.restored).toBeGreaterThanOrEqual(400);
      // The models themselves are held against upstream: every state of a few databases.
      const some = replicas.filter((_, i) => i % 10 === 0);
      expect((await judge(some, dir.path, 2, byUpstream(binary))).faults).toEqual([]);
    });
  });

  it("gives what upstream gives where the application checkpoints, which upstream does not survive unharmed", { timeout: 120_000 }, async () => {
    using dir = tempDir("b");
    await withSeed(seedOf(20_260_102), async (random) => {
      const plans = planDatabases(random, 44, 8, true).filter((plan) => plan.workload === "checkpoints" || plan.workload === "mixed");
      const replicas = await replicateByUpstream(binary, dir.file("raw"), plans);
      let lost = 0;
      for (const { name, replicaPath, models } of replicas) {
        // Levels of such a replica contradict one another, so only one way through the files is left.
        for (const level of ["1", "9"]) rmSync(join(replicaPath, "ltx", level), { recursive: true, force: true });
        for (const [txid, model] of models) {
          const theirs = dir.file("theirs.db");
          const ours = dir.file("ours.db");
          expect(await byUpstream(binary)(replicaPath, theirs, txid), `${name} TXID ${txid}`).toBeUndefined();
          expect(await byUs(replicaPath, ours, txid), `${name} TXID ${txid}`).toBeUndefined();
          expect(await fileHash(ours), `${name} TXID ${txid}`).toBe(await fileHash(theirs));
          if (firstDifference(theirs, model) !== undefined) lost++;
          dir.remove("theirs.db", "ours.db");
        }
      }
      console.log(
        `of ${replicas.length * 8} states that upstream recorded beside an application that checkpoints, ${lost} lack pages, for both restores alike`,
      );
    });
  });
});
