import { describe, expect, test } from "vitest";
import { readFlags } from "../src/common/arguments.js";
import { parseCPUSeconds } from "../src/common/process-usage.js";
import { goalLine, isMet } from "../src/common/report.js";
import { format, markdownTable, spliceBetweenMarkers } from "../src/common/table.js";

describe("markdownTable", () => {
  test("pads every column to its widest cell", () => {
    expect(
      markdownTable(
        ["what", "n"],
        [
          ["a longer cell", "1"],
          ["b", "12345"],
        ],
      ),
    ).toBe(["| what          | n     |", "| ------------- | ----- |", "| a longer cell | 1     |", "| b             | 12345 |"].join("\n"));
  });

  test("refuses a row of another length", () => {
    expect(() => markdownTable(["a", "b"], [["1"]])).toThrow(RangeError);
  });
});

describe("spliceBetweenMarkers", () => {
  const document = "before\n<!-- bench:x -->\nold\n<!-- /bench:x -->\n<!-- bench:y -->\nkept\n<!-- /bench:y -->\n";

  test("replaces its own part only, and does so again", () => {
    const once = spliceBetweenMarkers(document, "x", "new");
    expect(once).toBe("before\n<!-- bench:x -->\nnew\n<!-- /bench:x -->\n<!-- bench:y -->\nkept\n<!-- /bench:y -->\n");
    expect(spliceBetweenMarkers(once, "x", "newer")).toBe(once.replace("new", "newer"));
  });

  test("refuses a document without the markers", () => {
    expect(() => spliceBetweenMarkers(document, "z", "new")).toThrow("no markers");
  });
});

test.each([
  [0.1234, "0.12"],
  [12.345, "12.3"],
  [1234.5, "1235"],
])("format(%d) is %s", (value, expected) => {
  expect(format(value)).toBe(expected);
});

test("a goal is met at its bound, and not when nothing could be measured", () => {
  expect(isMet({ name: "ratio", measured: 2, atLeast: 2 })).toBe(true);
  expect(isMet({ name: "ratio", measured: 1.99, atLeast: 2 })).toBe(false);
  expect(isMet({ name: "WAL", measured: 2.01, atMost: 2 })).toBe(false);
  expect(isMet({ name: "ratio", measured: Number.NaN, atLeast: 2 })).toBe(false);
  expect(goalLine({ name: "ratio", measured: 1.99, atLeast: 2 })).toBe("MISSED: ratio 1.99 (goal ≥ 2)");
  expect(goalLine({ name: "WAL", measured: 1, atMost: 2 })).toBe("reached: WAL 1.00 (goal ≤ 2)");
});

describe("readFlags", () => {
  const defaults = { runs: { normal: 7, quick: 2, min: 1 } };

  test("normal run: defaults, recorded", () => {
    const { numbers, switches, record } = readFlags([], defaults, ["all"]);
    expect(numbers).toEqual({ runs: 7 });
    expect(switches).toEqual({ all: false, quick: false, "no-record": false });
    expect(record).toBe(true);
  });

  test("quick run: small sizes, never recorded; a number given wins", () => {
    expect(readFlags(["--", "--quick"], defaults, [])).toMatchObject({ numbers: { runs: 2 }, record: false });
    expect(readFlags(["--quick", "--runs", "3"], defaults, [])).toMatchObject({ numbers: { runs: 3 }, record: false });
    expect(readFlags(["--no-record"], defaults, [])).toMatchObject({ numbers: { runs: 7 }, record: false });
  });

  test.each([["0"], ["1.5"], ["many"]])("refuses --runs %s", (value) => {
    expect(() => readFlags(["--runs", value], defaults, [])).toThrow(RangeError);
  });

  test("refuses what nobody reads", () => {
    expect(() => readFlags(["--rnus", "3"], defaults, [])).toThrow("rnus");
  });
});

test("CPU time is counted from the end of the command name, which may hold anything", () => {
  const stat = "4242 (a) b (c)) S 1 4242 4242 0 -1 4194304 100 200 0 0 150 50 1000 250 20 0 1 0 12345 0 0";
  expect(parseCPUSeconds(stat, "own")).toBe(2);
  expect(parseCPUSeconds(stat, "children")).toBe(12.5);
  expect(parseCPUSeconds("", "own")).toBeUndefined();
});
