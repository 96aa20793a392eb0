import { describe, expect, test } from "vitest";
import { files, name, names } from "../../test/ltx-files.js";
import { Inventory } from "./inventory.js";
import { fittingCount, MERGE_SOURCE_BYTES, rangeBytesFor } from "./merge-budget.js";
import { planMerge } from "./plan-merge.js";

interface Case {
  readonly bad?: readonly string[];
  readonly takesSnapshots?: boolean;
}

function outcome(level: number, list: string, { bad = [], takesSnapshots = true }: Case = {}): string {
  const plan = planMerge({
    listing: new Inventory(files(...list.split(" ").filter(Boolean))),
    level,
    isUsable: (file) => !bad.includes(`${file.level}/${file.minTXID}-${file.maxTXID}`),
    takesSnapshots,
  });
  if (plan.status === "merge") return names(plan.files);
  return plan.status === "blocked" ? `blocked ${plan.missing.minTXID}-${plan.missing.maxTXID}` : plan.status;
}

describe("level 1", () => {
  test.each<[string, string, string, Case?]>([
    ["nothing there", "", "nothing-new"],
    ["waits for the first snapshot", "0/1-1 0/2-2", "await-snapshot"],
    ["starts at 1 where snapshots are off", "0/1-1 0/2-2", "0/1-1 0/2-2", { takesSnapshots: false }],
    ["starts above the first snapshot", "9/1-1 0/1-1 0/2-2 0/3-3", "0/2-2 0/3-3"],
    ["starts as low as it can", "9/1-1 9/1-3 0/1-1 0/2-2 0/3-3 0/4-4", "0/2-2 0/3-3 0/4-4"],
    ["starts above the snapshot that has a continuation", "9/1-1 9/1-5 0/3-3 0/6-6 0/7-7", "0/6-6 0/7-7"],
    ["nothing above the snapshot yet", "9/1-3 0/1-1 0/2-2 0/3-3", "nothing-new"],
    ["goes on where it ended", "9/1-1 1/2-3 0/1-1 0/2-2 0/3-3 0/4-4 0/5-5", "0/4-4 0/5-5"],
    ["[D18] a lone file waits for company", "9/1-1 1/2-3 0/3-3 0/4-4", "nothing-new"],
    ["[D18] and does above the first snapshot", "9/1-1 0/1-1 0/2-2", "nothing-new"],
    ["everything is there", "9/1-1 1/2-4 0/3-3 0/4-4", "nothing-new"],
    ["goes on from where another process reached", "1/1-3 1/4-9 0/8-8 0/9-9 0/10-10 0/11-11", "0/10-10 0/11-11"],
    ["stops before a hole", "9/1-1 1/2-3 0/4-4 0/5-5 0/7-7", "0/4-4 0/5-5"],
    ["is blocked by a hole", "9/1-1 1/2-4 0/6-6 0/7-7", "blocked 5-5"],
    ["is blocked by a hole after a lone file", "9/1-1 1/2-3 0/4-4 0/6-6 0/7-7", "blocked 5-5"],
    ["starts again above a snapshot over the hole", "9/1-1 9/1-6 1/2-4 0/6-6 0/7-7 0/8-8", "0/7-7 0/8-8"],
    ["waits for files above the snapshot over the hole", "9/1-7 1/2-4 0/6-6 0/7-7", "nothing-new"],
    ["waits for company above it", "9/1-6 1/2-4 0/6-6 0/7-7", "nothing-new"],
    ["starts again above the lowest such snapshot", "9/1-6 9/1-8 1/2-4 0/6-6 0/7-7 0/8-8 0/9-9", "0/7-7 0/8-8 0/9-9"],
    ["is blocked by the lack of a start", "9/1-2 0/5-5 0/6-6", "blocked 3-4"],
    ["is blocked by the lack of TXID 1", "0/5-5 0/6-6", "blocked 1-4", { takesSnapshots: false }],
    ["stops before a damaged file", "9/1-1 0/2-2 0/3-3 0/4-4 0/5-5", "0/2-2 0/3-3", { bad: ["0/4-4"] }],
    ["is blocked by a damaged file", "9/1-1 1/2-2 0/3-3 0/4-4", "blocked 3-3", { bad: ["0/3-3"] }],
    ["is blocked by a damaged newest file", "9/1-1 1/2-2 0/3-3", "blocked 3-3", { bad: ["0/3-3"] }],
    ["a damaged snapshot is no start", "9/1-1 0/1-1 0/2-2", "await-snapshot", { bad: ["9/1-1"] }],
    ["passes a damaged file by a snapshot", "9/1-1 9/1-4 1/2-2 0/3-3 0/4-4 0/5-5 0/6-6", "0/5-5 0/6-6", { bad: ["0/3-3"] }],
  ])("%s", (_, list, expected, given) => {
    expect(outcome(1, list, given)).toBe(expected);
  });
});

describe("levels above", () => {
  test.each<[string, string, string, Case?]>([
    ["begins where the level below begins", "9/1-1 1/2-5 1/6-9 1/10-11 1/12-12", "1/2-5 1/6-9 1/10-11 1/12-12"],
    ["[D18] three files wait for a fourth", "9/1-1 1/2-5 1/6-9 1/10-11", "nothing-new"],
    ["three files further up too", "9/1-1 2/2-5 1/2-5 1/6-9 1/10-11 1/12-12", "nothing-new"],
    ["goes on where it ended", "9/1-1 2/2-5 1/2-5 1/6-9 1/10-11 1/12-12 1/13-15", "1/6-9 1/10-11 1/12-12 1/13-15"],
    ["takes all there are", "9/1-1 1/2-2 1/3-3 1/4-4 1/5-5 1/6-6", "1/2-2 1/3-3 1/4-4 1/5-5 1/6-6"],
    ["[D8] takes the longest of overlapping files", "9/1-1 1/2-5 1/2-8 1/9-10 1/11-11 1/12-12", "1/2-8 1/9-10 1/11-11 1/12-12"],
    ["[D8] passes over a file inside another", "9/1-1 1/2-9 1/4-5 1/10-12 1/13-13 1/14-14", "1/2-9 1/10-12 1/13-13 1/14-14"],
    ["[D8] and counts it for nothing", "9/1-1 1/2-9 1/4-5 1/10-12 1/13-13", "nothing-new"],
    ["[D8] takes files that overlap in part", "9/1-1 1/2-9 1/8-12 1/13-14 1/15-15", "1/2-9 1/8-12 1/13-14 1/15-15"],
    ["prefers the file that begins there", "9/1-1 2/2-5 1/2-5 1/4-7 1/6-9 1/10-12 1/13-13 1/14-14", "1/6-9 1/10-12 1/13-13 1/14-14"],
    ["takes one that begins before, where none begins there", "9/1-1 2/2-5 1/4-9 1/10-12 1/13-13 1/14-14", "1/4-9 1/10-12 1/13-13 1/14-14"],
    ["starts again with the file that the snapshot ends in", "9/1-15 2/2-9 1/14-16 1/17-18 1/19-19 1/20-20", "1/14-16 1/17-18 1/19-19 1/20-20"],
    ["follows a level below that started again", "9/1-20 2/2-9 1/2-9 1/21-25 1/26-30 1/31-31 1/32-32", "1/21-25 1/26-30 1/31-31 1/32-32"],
    ["leaves too few before a hole", "9/1-20 2/2-9 1/10-11 1/12-12 1/13-13 1/21-25 1/26-30 1/31-31 1/32-32", "1/21-25 1/26-30 1/31-31 1/32-32"],
    ["is blocked by a damaged file", "9/1-1 2/2-9 1/10-12 1/13-15 1/16-18", "blocked 10-12", { bad: ["1/10-12"] }],
    ["a hole that a later snapshot holds blocks nothing", "9/1-25 2/2-9 1/21-25 1/26-30", "nothing-new"],
  ])("%s", (_, list, expected, given) => {
    expect(outcome(2, list, given)).toBe(expected);
  });
});

test("there are enough files since the one that made them so was written", () => {
  const last = (level: number, list: string): string => {
    const plan = planMerge({ listing: new Inventory(files(...list.split(" "))), level, isUsable: () => true, takesSnapshots: true });
    return plan.status === "merge" ? name(plan.last) : plan.status;
  };
  expect(last(1, "9/1-1 0/2-2 0/3-3 0/4-4")).toBe("0/3-3");
  expect(last(2, "9/1-1 1/2-2 1/3-3 1/4-4 1/5-5 1/6-6")).toBe("1/5-5");
});

describe("memory", () => {
  test("[C7] many small files are merged at once, large ones as many as memory holds", () => {
    const small = Array.from({ length: 2016 }, () => ({ size: 12_000 }));
    expect(fittingCount(small)).toBe(2016);
    const large = Array.from({ length: 5000 }, () => ({ size: 2 ** 30 }));
    expect(fittingCount(large)).toBe(170);
    expect(fittingCount([{ size: 2 ** 40 }])).toBe(1);
    const huge = Array.from({ length: 3 }, () => ({ size: MERGE_SOURCE_BYTES * 4 }));
    expect(fittingCount(huge)).toBe(3);
  });

  test.each([1, 2, 17, 100, 170])("%i large files: requests as large as memory allows", (count) => {
    const range = rangeBytesFor(Array.from({ length: count }, () => ({ size: 2 ** 30 })));
    expect(range).toBeGreaterThanOrEqual(64 * 1024);
    expect(3 * range * count).toBeLessThanOrEqual(MERGE_SOURCE_BYTES);
    if (range < 1024 * 1024) expect(6 * range * count).toBeGreaterThan(MERGE_SOURCE_BYTES);
  });

  test("the plan holds what fits, the next one the rest", () => {
    const list = files("9/1-1", ...Array.from({ length: 300 }, (_, i) => `0/${i + 2}-${i + 2}#1000000`));
    const inventory = new Inventory(list);
    const plan = (): ReturnType<typeof planMerge> => planMerge({ listing: inventory, level: 1, isUsable: () => true, takesSnapshots: true });
    const first = plan();
    expect(first.status === "merge" && [first.files.length, name(first.files[0] ?? never())]).toEqual([170, "0/2-2"]);
    inventory.add({ ...(list[0] ?? never()), level: 1, minTXID: 2n, maxTXID: 171n });
    const second = plan();
    expect(second.status === "merge" && [second.files.length, name(second.files[0] ?? never())]).toEqual([130, "0/172-172"]);
  });
});

function never(): never {
  throw new Error("not there");
}
