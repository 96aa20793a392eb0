import { describe, expect, test } from "vitest";
import { DAY, files, names } from "../../test/ltx-files.js";
import { Inventory } from "./inventory.js";
import { planSnapshot, type SnapshotQuestion } from "./plan-snapshot.js";

const HOUR = 3600;

function outcome(list: string, nowSeconds: number, given: Partial<SnapshotQuestion> & { readonly bad?: readonly string[] } = {}): string {
  const { bad = [], ...overrides } = given;
  const inventory = new Inventory(files(...list.split(" ").filter(Boolean)));
  const nowMs = DAY + nowSeconds * 1000;
  const plan = planSnapshot({
    listing: inventory,
    isUsable: (file) => !bad.includes(`${file.level}/${file.minTXID}-${file.maxTXID}`),
    intervalMs: 24 * HOUR * 1000,
    nowMs,
    lastMs: nowMs,
    isWanted: false,
    isLocal: () => false,
    databaseBytes: () => undefined,
    ...overrides,
  });
  if (plan.status === "merge") return names(plan.files);
  return plan.status === "too-early" ? `too-early ${(plan.atMs - DAY) / 1000}` : plan.status;
}

describe("when", () => {
  test.each<[string, string, number, string, (Partial<SnapshotQuestion> & { readonly bad?: readonly string[] })?]>([
    ["nothing there", "", 0, "nothing-new"],
    ["the first at once", "0/1-1", 0, "0/1-1"],
    ["too early", "9/1-1@100 0/2-2", 24 * HOUR, `too-early ${24 * HOUR + 100}`],
    ["in time, whenever this process started", "9/1-1@100 0/2-2@200", 24 * HOUR + 100, "9/1-1 0/2-2", { lastMs: DAY + 24 * HOUR * 1000 + 99_000 }],
    ["not when nothing changed", "9/1-2@100 0/2-2", 400 * HOUR, "nothing-new"],
    ["off", "0/1-1", 0, "nothing-new", { intervalMs: 0 }],
    ["off, but wanted", "0/1-1", 0, "0/1-1", { intervalMs: 0, isWanted: true }],
    ["early, but wanted", "9/1-1@100 0/2-2", 200, "9/1-1 0/2-2", { isWanted: true }],
    ["wanted, but nothing changed", "9/1-2@100 0/2-2", 200, "nothing-new", { isWanted: true }],
    ["a damaged one does not count", "9/1-1@100 9/1-2@200 0/2-2 0/3-3", 300, `too-early ${24 * HOUR + 100}`, { bad: ["9/1-2"] }],
    ["the only one damaged", "9/1-2@200 0/1-1 0/2-2 0/3-3", 300, "0/1-1 0/2-2 0/3-3", { bad: ["9/1-2"] }],
    ["a snapshot from the future is as old as its discovery", `9/1-1@${9999 * HOUR} 0/2-2`, 24 * HOUR - 1, `too-early ${24 * HOUR}`, { lastMs: DAY }],
    ["and does not stop snapshots", `9/1-1@${9999 * HOUR} 0/2-2`, 24 * HOUR, "9/1-1 0/2-2", { lastMs: DAY }],
  ])("%s", (_, list, now, expected, given) => {
    expect(outcome(list, now, given)).toBe(expected);
  });
});

describe("how", () => {
  const list = "9/1-1@0#9000 1/2-5@10#1000 0/6-6@20#100";
  test.each<[string, string, string, (Partial<SnapshotQuestion> & { readonly bad?: readonly string[] })?]>([
    ["merged, when the database cannot be read", list, "9/1-1 1/2-5 0/6-6"],
    ["merged, when the database is much larger", list, "9/1-1 1/2-5 0/6-6", { databaseBytes: () => 30_000 }],
    ["from the database, when that is smaller than what had to be fetched", list, "image", { databaseBytes: () => 15_000 }],
    ["merged, when most lies on the local disk", list, "9/1-1 1/2-5 0/6-6", { databaseBytes: () => 15_000, isLocal: (file) => file.maxTXID === 1n }],
    ["from the database, when the destination is damaged", list, "image", { databaseBytes: () => 1e9, bad: ["1/2-5"] }],
    ["not at all, when the destination is damaged and the database cannot be read", list, "impossible", { bad: ["1/2-5"] }],
    ["around damage", `${list} 0/2-2 0/3-3 0/4-4 0/5-5`, "9/1-1 0/2-2 0/3-3 0/4-4 0/5-5 0/6-6", { bad: ["1/2-5"] }],
  ])("%s", (_, given, expected, overrides) => {
    expect(outcome(given, 48 * HOUR, overrides)).toBe(expected);
  });

  test("more files than memory holds: from the database, or an earlier moment", () => {
    const many = Array.from({ length: 400 }, (_, i) => `0/${i + 1}-${i + 1}#1000000`).join(" ");
    expect(outcome(many, 0).split(" ")).toHaveLength(170);
    expect(outcome(many, 0, { databaseBytes: () => 1e12 })).toBe("image");
  });
});
