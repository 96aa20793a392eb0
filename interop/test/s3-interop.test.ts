import { seedOf, tempDir, upstreamOrSkip, versitygwOrSkip, withSeed } from "@ls/testkit";
import { describe, expect, it } from "vitest";
import { S3_WAYS, s3Round } from "../src/s3-rounds.js";

const upstream = upstreamOrSkip();
const versitygw = versitygwOrSkip();

/** A part of the campaign in campaign/s3.test.ts. */
describe.skipIf(upstream === undefined || versitygw === undefined)("through one S3 bucket, both restore what the other replicated", () => {
  it.each(S3_WAYS)("%s", { timeout: 180_000 }, async (way) => {
    using dir = tempDir("s3");
    await withSeed(seedOf(20_260_501 + S3_WAYS.indexOf(way)), async (random) => {
      const { ours, theirs, ourOwn } = await s3Round(versitygw ?? "", upstream ?? "", way, dir.file("r"), random, { databases: 3, cuts: 8 });
      expect([...ours.faults, ...theirs.faults, ...ourOwn.faults]).toEqual([]);
      expect([ours.restored, theirs.restored]).toEqual([24, 24]);
    });
  });
});
