import { seedOf, startVersitygw, tempDir, upstreamOrSkip, versitygwOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { writeResult } from "../src/results.js";
import { S3_FAULTS, type S3Fault, type S3FaultRun, s3FaultRun } from "../src/s3-faults.js";
import { S3_WAYS, type S3Round, s3Round } from "../src/s3-rounds.js";

const upstream = upstreamOrSkip();
const versitygw = versitygwOrSkip();
/** For each way and direction: 16 × 8 states, 512 in all. */
const SIZE = { databases: 16, cuts: 8 };
const FAULT_RUNS = 4;
const FAULT_CUTS = 8;

describe.skipIf(upstream === undefined || versitygw === undefined)("the S3 campaign", () => {
  it("through one bucket, both restore what the other replicated", async () => {
    using dir = tempDir("s3");
    const seed = seedOf(Date.now() % 2 ** 31);
    await withSeed(seed, async (random) => {
      const rounds: S3Round[] = [];
      for (const [i, way] of S3_WAYS.entries()) rounds.push(await s3Round(versitygw ?? "", upstream ?? "", way, dir.file(`r${i}`), random, SIZE));
      const sum = (of: (round: S3Round) => number): number => rounds.reduce((total, round) => total + of(round), 0);
      const faults = rounds.flatMap((round) => [...round.ours.faults, ...round.theirs.faults, ...round.ourOwn.faults].map((fault) => `${round.way}: ${fault}`));
      const path = await writeResult("S3, both ways with upstream", upstream, {
        seed,
        server: "versitygw 1.8.0",
        ways: S3_WAYS,
        databasesEachWay: SIZE.databases * S3_WAYS.length,
        weReplicateUpstreamRestores: sum((round) => round.ours.restored),
        upstreamReplicatesWeRestore: sum((round) => round.theirs.restored),
        faults,
      });
      console.log(`S3: ${sum((round) => round.ours.restored)} and ${sum((round) => round.theirs.restored)} TXIDs; ${path}`);
      expect(faults).toEqual([]);
      expect(sum((round) => round.ours.restored)).toBeGreaterThanOrEqual(500);
      expect(sum((round) => round.theirs.restored)).toBeGreaterThanOrEqual(500);
    });
  });

  it("through a network or service that misbehaves nothing acknowledged is lost, and restores succeed", async () => {
    using dir = tempDir("s3f");
    await using server = await startVersitygw(versitygw ?? "");
    const seed = seedOf(Date.now() % 2 ** 31);
    await withSeed(seed, async (random) => {
      const results: Record<string, S3FaultRun & { runs: number }> = {};
      // `as`: the keys of a constant object.
      for (const kind of Object.keys(S3_FAULTS) as S3Fault[]) {
        const total = { runs: 0, acknowledged: 0, requests: 0, spoiled: 0, faults: [] as string[] };
        for (let i = 0; i < FAULT_RUNS; i++) {
          const run = await s3FaultRun(server, upstream, kind, dir.path, `${kind.replace(" ", "-")}-${i}`, random, FAULT_CUTS);
          total.runs++;
          total.acknowledged += run.acknowledged;
          total.requests += run.requests;
          total.spoiled += run.spoiled;
          total.faults.push(...run.faults);
        }
        results[kind] = total;
      }
      console.log(await writeResult("S3, faults", upstream, { seed, server: "versitygw 1.8.0", ...results }));
      expect(Object.values(results).flatMap((one) => one.faults)).toEqual([]);
    });
  });
});
