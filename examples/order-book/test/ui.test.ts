import { describe, expect, it } from "vitest";
import { Acknowledgements } from "../src/acknowledgements.js";
import { parseArguments } from "../src/arguments.js";
import { Percentiles } from "../src/lag.js";
import { bytesText, LiveLine, millisecondsText, type Screen, table } from "../src/terminal.js";
import { kept, lostCommits, outcomeText } from "../src/verdict.js";

describe("parseArguments", () => {
  it.each([
    [[], { kind: "demo", seconds: 8 }],
    [["--seconds", "3"], { kind: "demo", seconds: 3 }],
    [["--help"], { kind: "help" }],
    [["app.db", "file:///b/app"], { kind: "replicate", database: "app.db", url: "file:///b/app" }],
  ])("%j", (words, command) => {
    expect(parseArguments(words)).toEqual(command);
  });

  it.each([[["--seconds"]], [["--seconds", "0"]], [["--seconds", "many"]], [["--fast"]], [["app.db"]], [["app.db", "file:///b", "more"]]])(
    "refuses %j",
    (words) => {
      expect(parseArguments(words).kind).toBe("invalid");
    },
  );
});

describe("Percentiles", () => {
  it("has none before the first value", () => {
    expect(new Percentiles().at(0.5)).toBeUndefined();
  });

  it("takes the nearest rank", () => {
    const values = new Percentiles();
    for (let value = 100; value >= 1; value--) values.add(value);
    expect([values.at(0), values.at(0.5), values.at(0.99), values.at(1)]).toEqual([1, 50, 99, 100]);
  });

  it("forgets the oldest", () => {
    const values = new Percentiles(2);
    for (const value of [1000, 1, 2]) values.add(value);
    expect(values.at(1)).toBe(2);
  });
});

class Recorder implements Screen {
  text = "";
  readonly isTTY: boolean;
  readonly columns = 20;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

describe("LiveLine", () => {
  it("overwrites itself on a terminal and never wraps", () => {
    const screen = new Recorder(true);
    const line = new LiveLine(screen);
    line.update("one");
    line.update("a text that is longer than the terminal");
    line.print("done");
    expect(screen.text).toBe("\r\x1b[2Kone\r\x1b[2Ka text that is long\ndone\n");
  });

  it("is plain text elsewhere, one line a second", () => {
    const screen = new Recorder(false);
    let now = 0;
    const line = new LiveLine(screen, () => now);
    for (now = 0; now <= 2500; now += 500) line.update(`at ${now}`);
    line.print("done");
    expect(screen.text).toBe("at 0\nat 1000\nat 2000\ndone\n");
  });
});

it("sizes and times read well", () => {
  expect([0, 999, 12_345, 5e6, 2.5e9].map(bytesText)).toEqual(["0 B", "999 B", "12.3 kB", "5.0 MB", "2.50 GB"]);
  expect([undefined, 1.25, 12.6].map(millisecondsText)).toEqual(["-", "1.3", "13"]);
  expect(
    table([
      ["a", "1"],
      ["long", "2"],
    ]),
  ).toBe("  a     1\n  long  2");
});

describe("the verdict", () => {
  const book = { commits: 100, transfers: 4000, documents: 12, integrity: "ok", faults: [] };
  const newest = { book, ms: 31.7, txid: "000000000000002a" };
  const asOf = new Date("2026-01-31T12:00:04.500Z");
  const earlier = { ...newest, book: { ...book, commits: 60 }, txid: "000000000000001a", asOf, acknowledged: 55 };
  const outcome = { acknowledged: 100, newest, earlier, keeping: [["merges", "3, of 40 files"] as const] };

  it("is good when all that was acknowledged is there", () => {
    expect(kept(outcome)).toBe(true);
    expect(outcomeText(outcome)).toContain("commits lost          0");
    expect(outcomeText(outcome)).toContain("as of 12:00:04.500    60 commits, 55 of them acknowledged by then; TXID 000000000000001a");
    expect(outcomeText(outcome)).toContain("merges                3, of 40 files");
  });

  it("is good when more is there than was acknowledged", () => {
    expect(kept({ ...outcome, newest: { ...newest, book: { ...book, commits: 130 } } })).toBe(true);
  });

  const faults = ["1 accounts do not agree with their transfers"];
  it.each([
    ["a commit is lost", { ...outcome, acknowledged: 101 }],
    ["a rule is broken", { ...outcome, newest: { ...newest, book: { ...book, faults } } }],
    ["a rule is broken at an earlier moment", { ...outcome, earlier: { ...earlier, book: { ...earlier.book, faults } } }],
    ["a commit is missing at an earlier moment", { ...outcome, earlier: { ...earlier, acknowledged: 61 } }],
    ["the future is in an earlier moment", { ...outcome, earlier: { ...earlier, book: { ...book, commits: 101 } } }],
    ["nothing was ever acknowledged", { ...outcome, acknowledged: 0 }],
  ])("is bad when %s", (_, bad) => {
    expect(kept(bad)).toBe(false);
  });

  it("counts what is lost", () => {
    expect(lostCommits({ ...outcome, acknowledged: 107 })).toBe(7);
  });
});

it("acknowledgements are known by their moment", () => {
  const acknowledgements = new Acknowledgements();
  expect([acknowledgements.commits, acknowledgements.at(5)]).toEqual([0, 0]);
  acknowledgements.add(3, 10);
  acknowledgements.add(7, 20);
  expect([acknowledgements.at(9), acknowledgements.at(10), acknowledgements.at(19), acknowledgements.at(99), acknowledgements.commits]).toEqual([
    0, 3, 3, 7, 7,
  ]);
});
