import { seedOf, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { restoresThroughRetention } from "../src/retention/restores-through-retention.js";

it("restores while retention deletes: the right database, or no such point", { timeout: 120_000 }, async () => {
  await withSeed(seedOf(20_261_129), async (random) => {
    const report = await restoresThroughRetention({ ms: 6000, lanes: 2, random });
    expect(report.faults).toEqual([]);
    expect(report.compared).toBeGreaterThan(0);
    expect(report.deleted).toBeGreaterThan(0);
  });
});
