import { expect, it } from "vitest";
import { CopyTerm } from "./copy-term.js";

it("releases everything at once where nothing merges", () => {
  expect(new CopyTerm(0).releasedTXID(7n, 0)).toBe(7n);
});

it("releases what level 1 holds, however late it says so", () => {
  const term = new CopyTerm(100);
  expect(term.releasedTXID(5n, 0)).toBe(0n);
  term.merged(4n);
  term.merged(3n);
  expect(term.releasedTXID(6n, 10)).toBe(4n);
});

it("releases a file that no merge came for after one term at least and two at most", () => {
  for (let asked = 1; asked <= 30; asked++) {
    const term = new CopyTerm(100);
    let released = 0n;
    // One file a millisecond, and somebody who asks every so often.
    for (let now = 0; now < 1000; now += asked) {
      const next = term.releasedTXID(BigInt(now), now);
      expect(next).toBeGreaterThanOrEqual(released);
      expect(Number(next)).toBeLessThanOrEqual(Math.max(0, now - 100));
      expect(Number(next)).toBeGreaterThanOrEqual(now - 200 - 2 * asked);
      released = next;
    }
  }
});
