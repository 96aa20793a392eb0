import { seedOf, tempDir, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { growth, manyDatabases } from "../src/many/many-databases.js";
import { writeResult } from "../src/results.js";

const DATABASES = Number(process.env.LS_DATABASES ?? 500);
const MS = Number(process.env.LS_SECONDS ?? 600) * 1000;

it(`the many databases campaign: ${DATABASES} for ${MS / 1000} s, destinations that fail at random`, async () => {
  using dir = tempDir("m");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await manyDatabases({
      databases: DATABASES,
      ms: MS,
      sampleMs: 10_000,
      commitsPerSecond: 40,
      random,
      directory: dir.path,
      onSample: (line) => console.log(line),
    });
    const grown = growth(report.samples, 0.1);
    const path = await writeResult("many databases", undefined, { seed, databases: DATABASES, grown, ...report });
    console.log(`${JSON.stringify({ ...report, samples: report.samples.length }, null, 1)}; ${path}`);
    expect(report.faults).toEqual([]);
    // At rest nothing is open, and a write that died has left nothing.
    expect(report.atRest.descriptors).toBeLessThanOrEqual(Math.min(...report.samples.map(({ descriptors }) => descriptors)));
    expect(report.atRest.temporaryFiles).toBe(0);
    expect(grown).toEqual([]);
  });
});
