import { seedOf, tempDir, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { interleavings } from "../src/interleavings/interleavings.js";
import { writeResult } from "../src/results.js";

const CASES = Number(process.env.LS_CASES ?? 10_000);
/** The seed of the only case to run, as often as `LS_CASES` says. */
const CASE_SEED = process.env.LS_CASE === undefined ? undefined : Number(process.env.LS_CASE);

it(`the interleavings campaign: ${CASES} cases, nothing lost and nothing left`, async () => {
  using dir = tempDir("i");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await interleavings({ cases: CASES, random, caseSeed: CASE_SEED, directory: dir.path, onBatch: (line) => console.log(line) });
    const path = await writeResult("interleavings", undefined, { seed, ...report });
    console.log(`${JSON.stringify(report, null, 1)}; ${path}`);
    expect(report.faults).toEqual([]);
    expect(report.leaked).toBe(0);
    expect(report.cases).toBe(CASES);
  });
});
