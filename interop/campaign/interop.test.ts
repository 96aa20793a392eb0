import { seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { hugeByUpstream, hugeByUs } from "../src/huge.js";
import { judge } from "../src/judge.js";
import { planDatabases } from "../src/matrix.js";
import { replicateByUs } from "../src/our-writes.js";
import { byUpstream, byUs } from "../src/restores.js";
import { writeResult } from "../src/results.js";
import { replicateByUpstream } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();
const DATABASES = 104;
const CUTS = 22;
const HUGE_BYTES = 300_000_000;

describe.skipIf(upstream === undefined)("the interoperability campaign", () => {
  const binary = upstream ?? "";

  it("we replicate, upstream restores", async () => {
    using dir = tempDir("a");
    const seed = seedOf(Date.now() % 2 ** 31);
    await withSeed(seed, async (random) => {
      const replicas = [...(await replicateByUs(dir.path, planDatabases(random, DATABASES, CUTS, true))), await hugeByUs(dir.file("huge"), HUGE_BYTES)];
      const theirs = await judge(replicas, dir.path, 2, byUpstream(binary));
      const ours = await judge(replicas, dir.path, 2, byUs);
      const path = await writeResult("we replicate, upstream restores", upstream, {
        seed,
        databases: replicas.length,
        txids: theirs.restored,
        largestTransactionBytes: HUGE_BYTES,
        faultsByUpstream: theirs.faults,
        faultsByUs: ours.faults,
      });
      console.log(`${replicas.length} databases × ${theirs.restored} TXIDs; ${path}`);
      expect([...theirs.faults, ...ours.faults]).toEqual([]);
      expect(theirs.restored).toBeGreaterThanOrEqual(2_000);
    });
  });

  it("upstream replicates, we restore", async () => {
    using dir = tempDir("b");
    const seed = seedOf(Date.now() % 2 ** 31);
    await withSeed(seed, async (random) => {
      const plans = planDatabases(random, DATABASES, CUTS, false);
      const half = Math.ceil(plans.length / 2);
      const replicas = [
        ...(await replicateByUpstream(binary, dir.file("raw"), plans.slice(0, half))),
        ...(await replicateByUpstream(binary, dir.file("levels"), plans.slice(half), { levelIntervals: ["1s", "2s"], snapshotInterval: "3s" })),
        await hugeByUpstream(binary, dir.file("huge"), HUGE_BYTES),
      ];
      const ours = await judge(replicas, dir.path, 2, byUs);
      const theirs = await judge(
        replicas.filter((_, i) => i % 4 === 0),
        dir.path,
        2,
        byUpstream(binary),
      );
      const path = await writeResult("upstream replicates, we restore", upstream, {
        seed,
        databases: replicas.length,
        txids: ours.restored,
        largestTransactionBytes: HUGE_BYTES,
        faultsByUs: ours.faults,
        checkedByUpstream: theirs.restored,
        faultsByUpstream: theirs.faults,
      });
      console.log(`${replicas.length} databases × ${ours.restored} TXIDs; ${path}`);
      expect([...ours.faults, ...theirs.faults]).toEqual([]);
      expect(ours.restored).toBeGreaterThanOrEqual(2_000);
    });
  });
});
