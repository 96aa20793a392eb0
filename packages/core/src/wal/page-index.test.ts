import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PageIndex } from "./page-index.js";

describe("PageIndex", () => {
  it("is a map", () => {
    const pgno = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 0xffff_ffff }));
    fc.assert(
      fc.property(fc.array(fc.array(fc.tuple(pgno, fc.integer({ min: 0, max: 0xffff_ffff })), { maxLength: 2000 }), { maxLength: 3 }), (rounds) => {
        const index = new PageIndex();
        for (const entries of rounds) {
          const model = new Map(entries);
          for (const [key, value] of entries) index.set(key, value);
          expect(index.count).toBe(model.size);
          expect([...index.pages()].sort((a, b) => a - b)).toEqual([...model.keys()].sort((a, b) => a - b));
          for (const [key, value] of model) if (index.get(key) !== value) throw new Error(`page ${key}: ${index.get(key)} instead of ${value}`);
          index.clear();
          for (const key of model.keys()) if (index.get(key) !== -1) throw new Error(`page ${key} was not forgotten`);
        }
      }),
      { numRuns: 50 },
    );
  });
});
