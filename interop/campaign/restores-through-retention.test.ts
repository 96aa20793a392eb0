import { seedOf, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { writeResult } from "../src/results.js";
import { restoresThroughRetention } from "../src/retention/restores-through-retention.js";

const MS = Number(process.env.LS_SECONDS ?? 300) * 1000;

it("the retention campaign: restores through it are right, or refused", async () => {
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await restoresThroughRetention({ ms: MS, lanes: 4, random });
    const path = await writeResult("restores through retention", undefined, { seed, seconds: MS / 1000, ...report });
    console.log(`${JSON.stringify(report, null, 1)}; ${path}`);
    expect(report.faults).toEqual([]);
    for (const count of Object.values(report.restored)) expect(count).toBeGreaterThan(0);
    expect(report.refused.LS_TX_NOT_AVAILABLE).toBeGreaterThan(0);
  });
});
