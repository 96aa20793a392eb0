import { seedOf, tempDir, upstreamOrSkip, upstreamRestore, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { planDatabases } from "../src/matrix.js";
import { replicateByUpstream } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();

describe.skipIf(upstream === undefined)("upstream replicates, we restore", () => {
  it("gives every page of every cut", { timeout: 300_000 }, async () => {
    using dir = tempDir("b");
    await withSeed(seedOf(20_260_101), async (random) => {
      const t0 = performance.now();
      const replicas = await replicateByUpstream(upstream ?? "", dir.path, planDatabases(random, 34, 13));
      const t1 = performance.now();
      const verdict = await judge(replicas, dir.path, 2, async (replicaPath, outputPath, txid) => {
        const r = await upstreamRestore(upstream ?? "", replicaPath, outputPath, { txid });
        return r.exitCode === 0 ? undefined : r.stderr;
      });
      console.log(verdict.restored, t1 - t0, performance.now() - t1);
      expect(verdict.faults).toEqual([]);
      expect(verdict.restored).toBeGreaterThanOrEqual(400);
    });
  });
});
