import { seedOf, tempDir, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { interleavings } from "../src/interleavings/interleavings.js";
import { writeResult } from "../src/results.js";

const CASES = Number(process.env.LS_CASES ?? 10_000);

it(`the interleavings campaign: ${CASES} cases, nothing lost and nothing left`, async () => {
  using dir = tempDir("i");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await interleavings({ cases: CASES, random, directory: dir.path, onBatch: (line) => console.log(line) });
    const path = await writeResult("interleavings", undefined, { seed, ...report });
    console.log(`${JSON.stringify(report, null, 1)}; ${path}`);
    expect(report.faults).toEqual([]);
    expect(report.leaked).toBe(0);
    expect(report.cases).toBe(CASES);
  });
});
