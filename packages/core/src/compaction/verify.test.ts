import { expect, test } from "vitest";
import { files, name } from "../../test/ltx-files.js";
import { type LevelIssue, verifyLevels } from "./verify.js";

function text(issue: LevelIssue): string {
  if (issue.type === "not-restorable") return `not-restorable ${issue.txid}`;
  const missing = issue.type === "gap" ? ` ${issue.missing.minTXID}-${issue.missing.maxTXID}` : "";
  return `${issue.type} ${name(issue.file)}${missing}`;
}

test.each<[string, string, string[]]>([
  ["nothing there", "", []],
  ["as it should be", "0/5-5 0/6-6 1/2-4 1/5-6 2/2-4 9/1-1 9/1-5", []],
  ["a gap", "0/1-1 0/2-2 0/5-5", ["gap 0/5-5 3-4", "not-restorable 5"]],
  ["a gap in a level, another one holds it", "0/1-1 0/2-2 0/3-3 0/4-4 1/1-1 1/3-4", ["gap 1/3-4 2-2"]],
  ["a gap that a snapshot holds", "0/1-1 0/2-2 0/5-5 9/1-4", []],
  ["a gap that a snapshot holds in part", "0/1-1 0/5-5 9/1-3", ["gap 0/5-5 2-4", "not-restorable 5"]],
  ["an overlap", "1/1-4 1/3-6 1/7-8", ["overlap 1/3-6"]],
  ["a file inside another", "1/1-6 1/3-4 1/7-8", ["overlap 1/3-4"]],
  ["a duplicate", "0/1-1 0/2-2 0/2-2", ["duplicate 0/2-2"]],
  ["out of order", "0/2-2 0/1-1 0/3-3", ["unsorted 0/1-1"]],
  ["several TXIDs at level 0", "0/1-1 0/2-3", ["bad-range 0/2-3"]],
  ["a snapshot that does not start at 1", "9/1-2 9/2-3", ["bad-range 9/2-3"]],
  ["min above max", "0/1-1 1/5-3", ["bad-range 1/5-3", "not-restorable 3"]],
  ["TXID 0", "0/0-0 0/1-1", ["bad-range 0/0-0"]],
  ["too small", "0/1-1 0/2-2#115", ["bad-size 0/2-2"]],
  ["no start", "0/5-5 1/5-8", ["not-restorable 8"]],
])("[D7] %s", (_, list, expected) => {
  expect(verifyLevels(files(...list.split(" ").filter(Boolean))).map(text)).toEqual(expected);
});

test("an empty listing where there was something", () => {
  expect(verifyLevels([], 8n).map(text)).toEqual(["not-restorable 8"]);
});
