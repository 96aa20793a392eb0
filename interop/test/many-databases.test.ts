import { seedOf, tempDir, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { manyDatabases } from "../src/many/many-databases.js";

it("thirty databases whose destinations fail at random: nothing is lost, nothing is left", { timeout: 180_000 }, async () => {
  using dir = tempDir("m");
  await withSeed(seedOf(20_261_129), async (random) => {
    const report = await manyDatabases({ databases: 30, ms: 6000, sampleMs: 1000, commitsPerSecond: 50, random, directory: dir.path });
    expect(report.faults).toEqual([]);
    // At rest nothing is open, and a write that died has left nothing.
    expect(report.atRest.descriptors).toBeLessThanOrEqual(Math.min(...report.samples.map(({ descriptors }) => descriptors)));
    expect(report.atRest.temporaryFiles).toBe(0);
    expect(report.events["upload-failed"]).toBeGreaterThan(0);
    expect(report.samples.every(({ failing }) => failing === 0)).toBe(true);
  });
});
