import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY, files, name } from "../../test/ltx-files.js";
import type { LTXFileInfo } from "../replica-client.js";
import { planRestore, type RestoreTarget } from "./plan.js";

function outcome(list: readonly LTXFileInfo[], target: RestoreTarget, unusable: ReadonlySet<string> = new Set()): string {
  const result = planRestore(list, target, unusable);
  if ("plan" in result) return result.plan.files.map(name).join(" ");
  const { reason, available, missing } = result.failure;
  const around = `${available.before?.txid ?? "-"}..${available.after?.txid ?? "-"}`;
  return missing === undefined ? `${reason} ${around}` : `${reason} ${around} missing ${missing.minTXID}-${missing.maxTXID}`;
}

const latest: RestoreTarget = { kind: "latest" };
const at = (seconds: number): RestoreTarget => ({ kind: "timestamp", timestampMs: DAY + seconds * 1000 });
const txid = (n: number): RestoreTarget => ({ kind: "txid", txid: BigInt(n) });

describe("[F1, F3] latest and txid", () => {
  test.each<[string, LTXFileInfo[], RestoreTarget, string]>([
    ["nothing there", [], latest, "empty -..-"],
    ["nothing starts at 1", files("0/2-2", "0/3-3"), latest, "no-start -..-"],
    ["single files", files("0/1-1", "0/2-2", "0/3-3"), latest, "0/1-1 0/2-2 0/3-3"],
    ["any order", files("0/3-3", "0/1-1", "0/2-2"), latest, "0/1-1 0/2-2 0/3-3"],
    ["fewer files when they are as small", files("0/1-1", "0/2-2", "0/3-3", "1/1-3"), latest, "1/1-3"],
    ["not a huge file instead of small ones", files("0/1-1", "0/2-2", "0/3-3", "1/1-3#9000000"), latest, "0/1-1 0/2-2 0/3-3"],
    ["snapshot and what follows", files("9/1-3", "0/3-3", "0/4-4", "1/1-3#9000"), latest, "9/1-3 0/4-4"],
    ["overlapping files", files("9/1-10", "2/5-20", "1/18-30"), latest, "9/1-10 2/5-20 1/18-30"],
    ["a file inside another", files("1/1-20", "1/5-8", "0/21-21"), latest, "1/1-20 0/21-21"],
    ["duplicates", files("0/1-1", "1/1-1", "0/2-2", "1/2-2"), latest, "0/1-1 0/2-2"],
    ["only a path through every level", files("9/1-2", "1/3-4", "2/5-8", "0/9-9"), latest, "9/1-2 1/3-4 2/5-8 0/9-9"],
    ["hole before the newest", files("0/1-1", "0/2-2", "0/4-4"), latest, "gap 2..- missing 3-3"],
    ["a hole that is bridged", files("0/1-1", "0/2-2", "0/4-4", "1/2-3"), latest, "0/1-1 1/2-3 0/4-4"],
    ["exact point", files("0/1-1", "0/2-2", "1/1-2", "1/3-5"), txid(5), "1/1-2 1/3-5"],
    ["inside a compacted file", files("1/1-2", "1/3-5"), txid(4), "not-available 2..5"],
    ["beyond the end", files("1/1-2", "1/3-5"), txid(6), "not-available 5..-"],
    ["below the start", files("9/1-7"), txid(3), "not-available -..7"],
    ["a point behind two holes", files("0/1-1", "0/3-3", "0/5-5", "0/6-6"), txid(6), "gap 1..- missing 2-2"],
    ["a hole that a longer file spans", files("9/1-3", "0/5-8", "1/1-10"), txid(8), "gap 3..10 missing 4-4"],
    [
      "the highest TXID there is",
      files("9/1-18446744073709551614", "0/18446744073709551615-18446744073709551615"),
      latest,
      "9/1-18446744073709551614 0/18446744073709551615-18446744073709551615",
    ],
  ])("%s", (_, list, target, expected) => {
    expect(outcome(list, target)).toBe(expected);
  });
});

describe("[F4, Q2, Q3] timestamp", () => {
  const singles = files("0/1-1@10", "0/2-2@20", "0/3-3@30", "0/4-4@40");
  test.each<[string, LTXFileInfo[], RestoreTarget, string]>([
    ["between two", singles, at(25), "0/1-1 0/2-2"],
    ["exactly on one: that one", singles, at(30), "0/1-1 0/2-2 0/3-3"],
    ["later than all: the newest", singles, at(1000), "0/1-1 0/2-2 0/3-3 0/4-4"],
    ["on the first", singles, at(10), "0/1-1"],
    ["before the first", singles, at(9), "not-available -..1"],
    ["inside a compacted file: the end before it", files("1/1-2@20", "1/3-6@60", "0/7-7@70"), at(50), "1/1-2"],
    ["the smallest time of a TXID counts", files("9/1-2@90", "0/1-1@10", "0/2-2@20", "0/3-3@30"), at(25), "9/1-2"],
    ["a snapshot taken later than its TXID", files("9/1-2@90", "0/3-3@100"), at(95), "9/1-2"],
    ["in a hole", files("0/1-1@10", "0/2-2@20", "0/5-5@50"), at(45), "gap 2..- missing 3-4"],
    ["behind a hole", files("0/1-1@10", "0/2-2@20", "0/5-5@50"), at(60), "gap 2..- missing 3-4"],
    ["well before a hole", files("0/1-1@10", "0/2-2@20", "0/3-3@30", "0/5-5@50"), at(20), "0/1-1 0/2-2"],
    ["a hole that another file covers", files("0/1-1@10", "0/4-4@40", "1/1-3@30"), at(35), "1/1-3"],
    ["a state whose neighbours only a longer file holds", files("9/1-2@20", "2/1-9@90", "0/5-5@50"), at(60), "9/1-2"],
    ["a clock that went back", files("0/1-1@10", "0/2-2@30", "0/3-3@20", "0/4-4@40"), at(25), "0/1-1 0/2-2 0/3-3"],
    ["a clock that went back behind a hole", files("0/1-1@10", "0/2-2@30", "0/4-4@20"), at(25), "gap 1..2 missing 3-3"],
  ])("%s", (_, list, target, expected) => {
    expect(outcome(list, target)).toBe(expected);
  });
});

describe("damaged files", () => {
  const list = files("9/1-3@3", "0/1-1@1", "0/2-2@2", "0/3-3@3", "1/1-3@3", "0/4-4@4");
  test.each<[string, RestoreTarget, string[], string]>([
    ["another chain is taken", latest, ["1/1-3", "9/1-3"], "0/1-1 0/2-2 0/3-3 0/4-4"],
    ["the newest is damaged: no older state instead", latest, ["0/4-4"], "gap 3..- missing 4-4"],
    ["a time at which only a damaged file ends", at(4), ["0/4-4"], "gap 3..- missing 4-4"],
    ["a time before it", at(3), ["0/4-4"], "1/1-3"],
    ["a TXID at which only a damaged file ends", txid(4), ["0/4-4"], "gap 3..- missing 4-4"],
    ["no start is left", latest, ["9/1-3", "0/1-1", "1/1-3"], "no-start -..-"],
  ])("%s", (_, target, unusable, expected) => {
    const ordered = list.filter((file) => name(file) !== "9/1-3").concat(list.filter((file) => name(file) === "9/1-3"));
    expect(outcome(ordered, target, new Set(unusable))).toBe(expected);
  });
});

const anyFiles: fc.Arbitrary<LTXFileInfo[]> = fc.array(
  fc
    .record({
      level: fc.integer({ min: 0, max: 9 }),
      min: fc.oneof({ weight: 1, arbitrary: fc.constant(1) }, { weight: 4, arbitrary: fc.integer({ min: 1, max: 24 }) }),
      length: fc.integer({ min: 0, max: 7 }),
      size: fc.integer({ min: 100, max: 300_000 }),
      time: fc.integer({ min: 0, max: 40 }),
    })
    .map(({ level, min, length, size, time }) => ({
      level,
      minTXID: BigInt(min),
      maxTXID: BigInt(min + length),
      size,
      createdAt: new Date(DAY + time * 1000),
    })),
  { maxLength: 24 },
);

function highest(txids: readonly bigint[]): bigint {
  return [...txids].sort((a, b) => (a < b ? -1 : 1)).at(-1) ?? 0n;
}

/** Searches the graph of TXIDs forwards, one edge at a time, by nothing but the rule for what may follow what. */
function reachableBySearch(list: readonly LTXFileInfo[]): Map<bigint, number> {
  const cost = new Map<bigint, number>();
  for (let changed = true; changed; ) {
    changed = false;
    for (const file of list) {
      const starts = file.minTXID === 1n ? [0] : [...cost].filter(([end]) => file.minTXID <= end + 1n && file.maxTXID > end).map(([, c]) => c);
      for (const start of starts) {
        const total = start + file.size + 64 * 1024;
        if (total < (cost.get(file.maxTXID) ?? Number.POSITIVE_INFINITY)) {
          cost.set(file.maxTXID, total);
          changed = true;
        }
      }
    }
  }
  return cost;
}

describe("against a search of the whole graph", () => {
  test("[F2] every reachable TXID is planned, by a valid and cheapest chain; no other is", () => {
    fc.assert(
      fc.property(anyFiles, (list) => {
        const reachable = reachableBySearch(list);
        for (let n = 1n; n <= 32n; n++) {
          const result = planRestore(list, { kind: "txid", txid: n });
          expect("plan" in result).toBe(reachable.has(n));
          if (!("plan" in result)) continue;
          let reached = 0n;
          for (const file of result.plan.files) {
            expect(list).toContain(file);
            if (reached === 0n) expect(file.minTXID).toBe(1n);
            else expect(file.minTXID <= reached + 1n && file.maxTXID > reached).toBe(true);
            reached = file.maxTXID;
          }
          expect(reached).toBe(n);
          expect(result.plan.bytes + result.plan.files.length * 64 * 1024).toBe(reachable.get(n));
        }
      }),
      { numRuns: 500 },
    );
  });

  test("latest is the newest file's end or a failure, never something older", () => {
    fc.assert(
      fc.property(anyFiles, (list) => {
        const newest = highest(list.map((file) => file.maxTXID));
        const result = planRestore(list, latest);
        if ("plan" in result) expect(result.plan.txid).toBe(newest);
        else expect(reachableBySearch(list).has(newest)).toBe(false);
      }),
    );
  });

  test("[Q2] a timestamp gives the newest reachable TXID in time, or a failure that says why not", () => {
    fc.assert(
      fc.property(anyFiles, fc.integer({ min: -1, max: 41 }), (list, seconds) => {
        const times = new Map<bigint, number>();
        for (const file of list) times.set(file.maxTXID, Math.min(times.get(file.maxTXID) ?? Number.POSITIVE_INFINITY, file.createdAt.getTime()));
        const limit = DAY + seconds * 1000;
        const inTime = [...reachableBySearch(list).keys()].filter((end) => (times.get(end) ?? 0) <= limit);
        const expected = highest(inTime);
        const result = planRestore(list, at(seconds));
        if ("plan" in result) {
          expect(result.plan.txid).toBe(expected);
          expect(result.plan.timestamp.getTime()).toBe(times.get(expected));
        } else if (result.failure.reason === "gap") {
          const missing = result.failure.missing ?? { minTXID: 0n, maxTXID: 0n };
          expect(missing.minTXID > expected).toBe(true);
          expect(missing.maxTXID >= missing.minTXID).toBe(true);
          expect(list.some((file) => file.maxTXID >= missing.maxTXID)).toBe(true);
        } else {
          expect(expected).toBe(0n);
        }
      }),
    );
  });
});

test("a hundred thousand files are planned in well under a second", () => {
  const many: LTXFileInfo[] = [];
  for (let n = 1; n <= 100_000; n++) many.push({ level: 0, minTXID: BigInt(n), maxTXID: BigInt(n), size: 500, createdAt: new Date(DAY + n) });
  const started = performance.now();
  const result = planRestore(many, latest);
  expect("plan" in result && result.plan.files.length).toBe(100_000);
  expect(performance.now() - started).toBeLessThan(3_000);
});
