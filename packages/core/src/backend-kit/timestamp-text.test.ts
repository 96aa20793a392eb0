import fc from "fast-check";
import { expect, test } from "vitest";
import { formatTimestamp, parseTimestamp } from "./timestamp-text.js";

test.each([
  [1700000000123, "2023-11-14T22:13:20.123Z"],
  [1700000000000, "2023-11-14T22:13:20Z"],
  [1234567890120, "2009-02-13T23:31:30.12Z"],
  [100, "1970-01-01T00:00:00.1Z"],
  [1700000100000, "2023-11-14T22:15:00Z"],
])("%i is %s, as upstream writes it", (ms, text) => {
  expect(formatTimestamp(ms)).toBe(text);
});

test("every time of four-digit years comes back", () => {
  fc.assert(fc.property(fc.integer({ min: Date.UTC(0), max: Date.UTC(9999, 11, 31) }), (ms) => parseTimestamp(formatTimestamp(ms)) === ms));
});

test.each([
  ["2023-11-14T22:13:20.100Z", 1700000000100],
  ["2023-11-15T00:13:20.1+02:00", 1700000000100],
  ["2023-11-14T22:13:20.123456789Z", 1700000000123],
  ["2023-11-14t22:13:20z", 1700000000000],
  ["2023-11-14", undefined],
  ["yesterday", undefined],
  ["", undefined],
  ["2023-13-14T22:13:20Z", undefined],
])("reads %j", (text, ms) => {
  expect(parseTimestamp(text)).toBe(ms);
});
