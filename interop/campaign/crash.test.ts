import { seedOf, tempDir, upstreamOrSkip, withSeed } from "@ls/testkit";
import { expect, it } from "vitest";
import { crashLoop } from "../src/crash/crash-loop.js";
import { KEEPING_MOMENTS, MOMENTS } from "../src/crash/kills.js";
import { byUpstream, byUs } from "../src/restores.js";
import { writeResult } from "../src/results.js";

const upstream = upstreamOrSkip();
const ROUNDS = 500;

it("the crash campaign: 500 deaths, every promise kept", async () => {
  using dir = tempDir("d");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await crashLoop({
      rounds: ROUNDS,
      roundsPerLife: 25,
      random,
      directory: dir.path,
      restoreByUs: byUs,
      restoreByUpstream: upstream === undefined ? undefined : byUpstream(upstream),
      onRound: (line) => console.log(line),
    });
    const path = await writeResult("crash loop", upstream, { seed, ...report });
    console.log(`${JSON.stringify({ ...report, faults: report.faults.length })}; ${path}`);
    expect(report.faults).toEqual([]);
    for (const moment of MOMENTS) expect(report.moments[moment], `kills in "${moment}"`).toBeGreaterThanOrEqual(3);
  });
});

const KEPT_ROUNDS = Number(process.env.LS_ROUNDS ?? 300);

it(`the crash campaign with merges, snapshots and retention: ${KEPT_ROUNDS} deaths, every promise kept`, async () => {
  using dir = tempDir("d");
  const seed = seedOf(Date.now() % 2 ** 31);
  await withSeed(seed, async (random) => {
    const report = await crashLoop({
      rounds: KEPT_ROUNDS,
      roundsPerLife: 25,
      isKept: true,
      random,
      directory: dir.path,
      restoreByUs: byUs,
      restoreByUpstream: upstream === undefined ? undefined : byUpstream(upstream),
      onRound: (line) => console.log(line),
    });
    const path = await writeResult("crash loop, kept", upstream, { seed, ...report });
    console.log(`${JSON.stringify({ ...report, faults: report.faults.length })}; ${path}`);
    expect(report.faults).toEqual([]);
    for (const moment of [...MOMENTS, ...KEEPING_MOMENTS]) expect(report.moments[moment], `kills in "${moment}"`).toBeGreaterThanOrEqual(3);
  });
});
