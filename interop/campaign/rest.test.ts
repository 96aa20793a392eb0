import { seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { restSoak } from "../src/rest/rest-soak.js";
import { byUs } from "../src/restores.js";
import { writeResult } from "../src/results.js";

const RESTS = Number(process.env.LS_RESTS ?? 2000);
const LANES = 4;

it(`the rest campaign: ${RESTS} rests, nothing missed`, async () => {
  using dir = tempDir("rest");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await restSoak({ rests: RESTS, lanes: LANES, random, directory: dir.path, restoreOne: byUs, onLife: (line) => console.log(line) });
    const path = await writeResult("rest soak", upstreamOrSkip(), { seed, ...report });
    console.log(`${JSON.stringify(report, null, 1)}; ${path}`);
    expect(report.faults).toEqual([]);
  });
});
