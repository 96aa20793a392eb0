import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { latencies, median, medianOf, quantile } from "../src/common/statistics.js";

describe("quantile", () => {
  test.each([
    [[7], 0.5, 7],
    [[1, 2, 3, 4], 0, 1],
    [[1, 2, 3, 4], 0.25, 1],
    [[1, 2, 3, 4], 0.26, 2],
    [[1, 2, 3, 4], 0.99, 4],
    [[1, 2, 3, 4], 1, 4],
  ])("of %j at %d is %d", (sorted, q, expected) => {
    expect(quantile(sorted, q)).toBe(expected);
  });

  test("at least the share q of the samples is not larger, and it is the smallest such sample", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.double({ min: 0, max: 1, noNaN: true }), (samples, q) => {
        const sorted = [...samples].sort((a, b) => a - b);
        const value = quantile(sorted, q);
        const notLarger = sorted.filter((sample) => sample <= value).length;
        const smaller = sorted.filter((sample) => sample < value).length;
        expect(notLarger / sorted.length).toBeGreaterThanOrEqual(q);
        if (smaller > 0) expect(smaller / sorted.length).toBeLessThan(q);
      }),
    );
  });

  test("refuses no samples and shares outside 0 to 1", () => {
    expect(() => quantile([], 0.5)).toThrow(RangeError);
    expect(() => quantile([1], 1.1)).toThrow(RangeError);
    expect(() => quantile([1], Number.NaN)).toThrow(RangeError);
  });
});

test("median takes the middle, or the mean of the two in the middle, and leaves its argument alone", () => {
  const samples = [9, 1, 5];
  expect(median(samples)).toBe(5);
  expect(samples).toEqual([9, 1, 5]);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(() => median([])).toThrow(RangeError);
});

test("medianOf takes each field by itself", () => {
  const rounds = [
    { wall: 3, cpu: 10 },
    { wall: 1, cpu: 30 },
    { wall: 2, cpu: 20 },
  ];
  expect(medianOf(rounds, ["wall", "cpu"])).toEqual({ wall: 2, cpu: 20 });
});

test("latencies of 1000 samples in any order", () => {
  const samples = Float64Array.from({ length: 1000 }, (_, i) => ((i * 7919) % 1000) + 1);
  expect(latencies(samples)).toEqual({ p50: 500, p99: 990, p999: 999, max: 1000 });
});
