import fc from "fast-check";
import { expect, test } from "vitest";
import { nextRound } from "./rounds.js";

const [a, b, c] = ["a.db", "b.db", "c.db"];

test("one alone is looked at at once, again and again; several go together", () => {
  const at = (path: string, now: number): number => nextRound(path, { now, earliestMs: now + 25, syncIntervalMs: 1000 });
  expect(at(a, 10_010)).toBe(10_035);
  expect(at(a, 10_300)).toBe(10_325);
  expect(at(b, 10_310)).toBe(10_500);
  expect(at(c, 10_470)).toBe(10_500);
  // Too late for that round.
  expect(at(a, 10_480)).toBe(11_000);
  expect(at(b, 11_481)).toBe(11_506);
});

test("never before it may be, and never later than after half of the sync interval", () => {
  fc.assert(
    fc.property(fc.nat(1e9), fc.nat(25), fc.nat(10_000), (now, calmMs, syncIntervalMs) => {
      for (const path of [a, b]) {
        const at = nextRound(path, { now, earliestMs: now + calmMs, syncIntervalMs });
        expect(at).toBeGreaterThanOrEqual(now + calmMs - 1e-6);
        expect(at).toBeLessThanOrEqual(now + calmMs + Math.min(500, syncIntervalMs / 2) + 1e-6);
      }
    }),
  );
});
