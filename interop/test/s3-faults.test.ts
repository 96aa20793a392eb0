import { seedOf, startVersitygw, tempDir, upstreamOrSkip, versitygwOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { S3_FAULTS, type S3Fault, s3FaultRun } from "../src/s3-faults.js";

const upstream = upstreamOrSkip();
const versitygw = versitygwOrSkip();
// `as`: the keys of a constant object.
const KINDS = Object.keys(S3_FAULTS) as S3Fault[];

/** I22, I23, M14 and Q9 of the catalogue, and what upstream's three retries for a whole restore do not survive. */
describe.skipIf(versitygw === undefined)(
  "[I22, I23, M14] through a network or service that misbehaves nothing acknowledged is lost, and restores succeed",
  () => {
    it.each(KINDS)("%s", { timeout: 240_000 }, async (kind) => {
      using dir = tempDir("s3f");
      await using server = await startVersitygw(versitygw ?? "");
      await withSeed(seedOf(20_260_601 + KINDS.indexOf(kind)), async (random) => {
        const run = await s3FaultRun(server, upstream, kind, dir.path, "db", random, 5);
        expect(run.faults).toEqual([]);
        expect(run.acknowledged).toBe(5);
        expect(run.spoiled).toBeGreaterThan(0);
      });
    });
  },
);
