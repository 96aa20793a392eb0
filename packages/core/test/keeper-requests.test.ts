import { expect, test } from "vitest";
import { seedOf } from "../../../testkit/src/random.js";
import { HOUR, Kept } from "./kept.js";

/**
 * What keeping a replica costs in requests, on a clock that is moved by hand. The cuts themselves are one PUT each, which the uploader sends.
 */
test("a commit a second for an hour: one PUT each, one for each merge, and no listing; then nothing at all", async () => {
  const kept = new Kept(seedOf(5), { transactions: 3600, maxPages: 6 });
  await kept.attach();
  kept.counter.reset();
  await kept.run(3600);
  const merges = kept.counter.count("write");
  expect(kept.counter.count("list")).toBe(0);
  expect(merges).toBe(kept.of("compacted").length + kept.of("snapshot").length);
  // Levels 1 to 3 every 30 s, 5 min and 1 h, and the first snapshot.
  expect(merges).toBeLessThanOrEqual(120 + 12 + 1 + 1);

  // The windows of the last commits end, and what they replaced is deleted.
  await kept.pass(HOUR + 10 * 60_000);
  kept.counter.reset();
  await kept.pass(10 * 60_000);
  expect(kept.counter.total).toBe(0);
}, 120_000);
