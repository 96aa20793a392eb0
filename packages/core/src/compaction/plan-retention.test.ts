import { describe, expect, test } from "vitest";
import { DAY, files, names } from "../../test/ltx-files.js";
import { Inventory } from "./inventory.js";
import { planHistoryRetention, planL0Retention, type RetentionPlan, type RetentionQuestion } from "./plan-retention.js";

type Given = Partial<RetentionQuestion> & { readonly bad?: readonly string[]; readonly compacts?: boolean };

function question(list: string, nowSeconds: number, { bad = [], compacts: _, ...overrides }: Given): RetentionQuestion {
  return {
    listing: new Inventory(files(...list.split(" ").filter(Boolean))),
    isUsable: (file) => !bad.includes(`${file.level}/${file.minTXID}-${file.maxTXID}`),
    retentionMs: 100_000,
    nowMs: DAY + nowSeconds * 1000,
    seenMs: DAY,
    ...overrides,
  };
}

function outcome({ files: deleted, atMs }: RetentionPlan): string {
  if (deleted.length > 0) return names(deleted);
  return atMs === undefined ? "-" : `at ${(atMs - DAY) / 1000}`;
}

describe("[E1, E5, E10] level 0", () => {
  test.each<[string, string, number, string, Given?]>([
    ["nothing there", "", 1000, "-"],
    ["level 1 holds nothing", "0/1-1 0/2-2", 1000, "-"],
    ["past their time and in level 1", "9/1-1 1/2-3 0/1-1@1 0/2-2@2 0/3-3@3 0/4-4@4", 1000, "0/1-1 0/2-2 0/3-3"],
    ["not beyond level 1", "9/1-1 1/2-2 0/1-1 0/2-2 0/3-3 0/4-4", 1000, "0/1-1 0/2-2"],
    ["never the newest", "9/1-1 1/2-3 0/2-2 0/3-3", 1000, "0/2-2"],
    ["not before their time", "9/1-1 1/2-2 1/3-4 0/1-1@10 0/2-2@20 0/3-3@30 0/4-4@40", 125, "0/1-1 0/2-2"],
    ["all that one file of level 1 holds, or none", "9/1-1 1/2-4 1/5-6 0/1-1@10 0/2-2@20 0/3-3@30 0/4-4@40 0/5-5@50", 135, "0/1-1"],
    ["or up to a snapshot", "9/1-1 9/1-3 1/2-4 1/5-6 0/1-1@10 0/2-2@20 0/3-3@30 0/4-4@40 0/5-5@50", 135, "0/1-1 0/2-2 0/3-3"],
    ["says when", "9/1-1 1/2-4 0/1-1@10 0/2-2@20 0/4-4@40", 105, "at 110"],
    ["only from the start: a young file keeps the ones after it", "9/1-1 1/2-2 1/3-4 0/1-1@10 0/2-2@90 0/3-3@30 0/4-4@40", 150, "0/1-1"],
    ["kept for ever", "9/1-1 1/2-3 0/1-1 0/2-2 0/3-3", 1e6, "-", { retentionMs: 0 }],
    ["files from the future age from their discovery on", "9/1-1 1/2-3 0/2-2@99999 0/3-3@99999", 99, "at 100"],
    ["and go", "9/1-1 1/2-3 0/2-2@99999 0/3-3@99999", 100, "0/2-2"],
    ["without level 1: what the oldest snapshot holds", "9/1-2 9/1-4 0/1-1 0/2-2 0/3-3 0/4-4", 1000, "0/1-1 0/2-2", { compacts: false }],
    ["a damaged file in level 1: level 0 stays the only way", "9/1-1 1/2-3 0/1-1 0/2-2 0/3-3 0/4-4", 1000, "-", { bad: ["1/2-3"] }],
  ])("%s", (_, list, now, expected, given = {}) => {
    expect(outcome(planL0Retention(question(list, now, given), given.compacts ?? true))).toBe(expected);
  });

  test("a clock that is a year ahead takes a part at a time", () => {
    const list = [
      "9/1-1",
      ...Array.from({ length: 999 }, (_, i) => `1/${i + 2}-${i + 2}`),
      ...Array.from({ length: 999 }, (_, i) => `0/${i + 2}-${i + 2}`),
    ].join(" ");
    const { files: deleted } = planL0Retention(question(list, 365 * 86_400, {}), true);
    expect(deleted).toHaveLength(499);
  });
});

describe("[E10, E12] snapshots and the levels below them", () => {
  test.each<[string, string, number, string, Given?]>([
    ["nothing there", "", 1000, "-"],
    ["no snapshot: nothing goes", "1/1-3 1/4-9 2/1-9", 1e6, "-"],
    ["the last snapshot stays, however old", "9/1-3@0 1/4-9", 1e6, "-"],
    ["past their time", "9/1-3@0 9/1-9@50", 120, "9/1-3"],
    ["says when", "9/1-3@30 9/1-9@50", 120, "at 130"],
    ["one at a time of few", "9/1-3@0 9/1-6@10 9/1-9@20", 1e6, "9/1-3"],
    ["only the oldest: a young one keeps those after it", "9/1-3@500 9/1-6@10 9/1-9@20", 500, "at 600"],
    ["levels below the oldest that stays", "9/1-3@0 9/1-9@50 1/4-5 1/6-8 1/9-12 2/4-8 2/9-12", 120, "9/1-3 1/4-5 1/6-8 2/4-8"],
    ["what was left behind by an earlier pass", "9/1-9@50 1/4-5 1/6-8 1/9-12", 60, "1/4-5 1/6-8"],
    ["ends at the snapshot stay", "9/1-9@50 1/4-8 1/9-9 1/10-12", 60, "1/4-8"],
    ["the newest of a level stays", "9/1-9@50 1/4-5 1/6-8 2/4-5", 60, "1/4-5"],
    ["level 0 has its own rule", "9/1-9@50 0/7-7 0/8-8 0/9-9", 60, "-"],
    ["kept for ever", "9/1-3@0 9/1-9@50 1/4-5 1/6-8", 1e6, "-", { retentionMs: 0 }],
    ["a damaged snapshot is not the one that stays", "9/1-3@0 9/1-9@50 1/4-9", 1e6, "-", { bad: ["9/1-9"] }],
    ["a damaged snapshot goes in its time", "9/1-2@0 9/1-5@10 9/1-9@50 1/3-9", 115, "9/1-2 9/1-5", { bad: ["9/1-5"] }],
    ["a snapshot from the future is as old as its discovery", "9/1-3@99999 9/1-9@99999", 99, "at 100"],
  ])("%s", (_, list, now, expected, given = {}) => {
    expect(outcome(planHistoryRetention(question(list, now, given)))).toBe(expected);
  });

  test("[E16] a clock that is a year ahead takes a tenth at a time", () => {
    const list = Array.from({ length: 720 }, (_, i) => `9/1-${i + 1}@${i}`).join(" ");
    expect(planHistoryRetention(question(list, 365 * 86_400, {})).files).toHaveLength(72);
  });
});
