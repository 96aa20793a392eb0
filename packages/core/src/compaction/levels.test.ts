import { describe, expect, test } from "vitest";
import { isLSError } from "../errors.js";
import { checkCompactionLevels } from "./levels.js";
import { windowEnd, windowStart } from "./window.js";

describe("levels", () => {
  test("defaults are upstream's", () => {
    expect(checkCompactionLevels()).toEqual([
      { level: 1, intervalMs: 30_000 },
      { level: 2, intervalMs: 300_000 },
      { level: 3, intervalMs: 3_600_000 },
    ]);
  });

  test("level 0 may be left out, and alone means that nothing is compacted", () => {
    expect(checkCompactionLevels([{ level: 1, intervalMs: 10 }])).toEqual([{ level: 1, intervalMs: 10 }]);
    expect(checkCompactionLevels([{ level: 0 }])).toEqual([]);
    expect(checkCompactionLevels([])).toEqual([]);
  });

  test.each<[string, unknown, RegExp]>([
    ["not a list", { level: 1 }, /must be an array/],
    ["no object", [1], /must be an object/],
    ["a gap", [{ level: 0 }, { level: 2, intervalMs: 1000 }], /level 2 stands where level 1 belongs/],
    [
      "out of order",
      [
        { level: 2, intervalMs: 10 },
        { level: 1, intervalMs: 10 },
      ],
      /level 2 stands where level 1/,
    ],
    [
      "twice",
      [
        { level: 1, intervalMs: 10 },
        { level: 1, intervalMs: 10 },
      ],
      /level 1 stands where level 2/,
    ],
    ["an interval on level 0", [{ level: 0, intervalMs: 1000 }], /level 0/],
    ["no interval", [{ level: 0 }, { level: 1 }], /level 1 needs an intervalMs/],
    ["interval 0", [{ level: 1, intervalMs: 0 }], /level 1 needs an intervalMs/],
    ["a negative interval", [{ level: 1, intervalMs: -1 }], /intervalMs of level 1/],
    ["a typo", [{ level: 1, interval: 10 }], /did you mean "intervalMs"/],
    ["the snapshot level", Array.from({ length: 9 }, (_, i) => ({ level: i + 1, intervalMs: 1000 })), /too high/],
  ])("refuses %s", (_, levels, message) => {
    let error: unknown;
    try {
      // `as`: the point is what a caller without types may pass.
      checkCompactionLevels(levels as never);
    } catch (caught) {
      error = caught;
    }
    expect(isLSError(error, "LS_INVALID_OPTION")).toBe(true);
    expect(String(error)).toMatch(message);
  });
});

describe("windows", () => {
  // Expected values: Go's time.Time.Truncate.
  test.each<[string, number, string]>([
    ["2026-03-29T00:59:59.999Z", 30_000, "2026-03-29T00:59:30.000Z"],
    ["2026-03-29T01:00:00.000Z", 30_000, "2026-03-29T01:00:00.000Z"],
    ["2026-03-29T01:59:59.999Z", 3_600_000, "2026-03-29T01:00:00.000Z"],
    ["2026-10-25T02:30:00.000Z", 86_400_000, "2026-10-25T00:00:00.000Z"],
    // Weeks begin on a Monday, as 1 January of year 1 was one.
    ["2026-01-31T12:00:00.000Z", 7 * 86_400_000, "2026-01-26T00:00:00.000Z"],
    ["1969-12-31T23:59:59.000Z", 60_000, "1969-12-31T23:59:00.000Z"],
  ])("%s truncated to %i ms is %s", (time, intervalMs, expected) => {
    const start = windowStart(Date.parse(time), intervalMs);
    expect(new Date(start).toISOString()).toBe(expected);
    expect(windowEnd(Date.parse(time), intervalMs)).toBe(start + intervalMs);
  });
});
