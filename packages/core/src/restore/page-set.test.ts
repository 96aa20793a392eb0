import fc from "fast-check";
import { expect, test } from "vitest";
import { PageSet } from "./page-set.js";

test("adds each page once, at any height", () => {
  const pgno = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 65_500, max: 65_600 }), fc.integer({ min: 1, max: 0xffff_ffff }));
  fc.assert(
    fc.property(fc.array(pgno), (pgnos) => {
      const set = new PageSet();
      const model = new Set<number>();
      for (const n of pgnos) {
        expect(set.add(n)).toBe(!model.has(n));
        model.add(n);
        expect(set.size).toBe(model.size);
      }
    }),
  );
});
