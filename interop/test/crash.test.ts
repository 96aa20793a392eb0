import { seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { crashLoop } from "../src/crash/crash-loop.js";
import { MOMENTS } from "../src/crash/kills.js";
import { byUpstream, byUs } from "../src/restores.js";

const upstream = upstreamOrSkip();

describe("the crash loop", () => {
  it("keeps every promise through 50 deaths", { timeout: 300_000 }, async () => {
    using dir = tempDir("d");
    await withSeed(seedOf(20_260_301), async (random) => {
      const report = await crashLoop({
        rounds: 50,
        roundsPerLife: 25,
        random,
        directory: dir.path,
        restoreByUs: byUs,
        restoreByUpstream: upstream === undefined ? undefined : byUpstream(upstream),
        onRound: process.env.LS_VERBOSE === undefined ? undefined : (line) => console.log(line),
      });
      const { faults, ...rest } = report;
      console.log(`crash loop: ${JSON.stringify(rest)}`);
      expect(faults).toEqual([]);
      for (const moment of MOMENTS) expect(report.moments[moment], `kills in "${moment}"`).toBeGreaterThanOrEqual(3);
    });
  });

  it("keeps every promise through 14 deaths while the destination is merged and thinned out", { timeout: 300_000 }, async () => {
    using dir = tempDir("d");
    await withSeed(seedOf(20_261_129), async (random) => {
      const report = await crashLoop({
        rounds: 14,
        roundsPerLife: 14,
        isKept: true,
        random,
        directory: dir.path,
        restoreByUs: byUs,
        restoreByUpstream: upstream === undefined ? undefined : byUpstream(upstream),
        onRound: process.env.LS_VERBOSE === undefined ? undefined : (line) => console.log(line),
      });
      expect(report.faults).toEqual([]);
      expect(report.expired + report.restoredByUs).toBeGreaterThan(20);
    });
  });
});
