import { seedOf, tempDir, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { interleavings } from "../src/interleavings/interleavings.js";

it("random interleavings of an application's calls", { timeout: 300_000 }, async () => {
  using dir = tempDir("i");
  await withSeed(seedOf(20_261_129), async (random) => {
    const report = await interleavings({ cases: 60, random, directory: dir.path });
    expect(report.faults).toEqual([]);
    expect(report.leaked).toBe(0);
    expect(report.compared).toBeGreaterThan(60);
    expect(report.kept.compacted).toBeGreaterThan(0);
  });
});
