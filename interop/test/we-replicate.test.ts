import { seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { planDatabases } from "../src/matrix.js";
import { replicateByUs } from "../src/our-writes.js";
import { levelZero } from "../src/replica-files.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();

describe.skipIf(upstream === undefined)("we replicate, upstream restores", () => {
  it("gets every page of at least 400 states of 34 databases, page sizes 512 to 65536", { timeout: 300_000 }, async () => {
    using dir = tempDir("a");
    await withSeed(seedOf(20_260_201), async (random) => {
      const replicas = await replicateByUs(dir.path, planDatabases(random, 34, 13, true));
      expect(replicas.length).toBeGreaterThanOrEqual(30);
      for (const { name, replicaPath } of replicas) expect((await levelZero(replicaPath)).length, name).toBeLessThanOrEqual(30);
      const theirs = await judge(replicas, dir.path, 2, byUpstream(upstream ?? ""));
      expect(theirs.faults).toEqual([]);
      expect(theirs.restored).toBeGreaterThanOrEqual(400);
      const ours = await judge(replicas, dir.path, 2, byUs);
      expect(ours.faults).toEqual([]);
    });
  });
});
