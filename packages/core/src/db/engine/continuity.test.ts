import { expect, test } from "vitest";
import { planContinuity } from "./continuity.js";

test.each([
  ["nothing anywhere", 0n, undefined, 0n, { kind: "first-image" }],
  ["no local position beside a destination", 0n, undefined, 9n, { kind: "rebase", after: 9n }],
  ["both at the same TXID", 9n, 9n, 9n, { kind: "continue", txid: 9n }],
  ["the same TXID, known by the page table only", 9n, undefined, 9n, { kind: "continue", txid: 9n }],
  ["the destination is ahead", 9n, 9n, 12n, { kind: "rebase", after: 12n }],
  ["staged files follow the destination's", 9n, 5n, 4n, { kind: "continue", txid: 9n }],
  ["staged files reach further back", 9n, 2n, 4n, { kind: "continue", txid: 9n }],
  ["a file that the destination lacks is gone", 9n, 6n, 4n, { kind: "rebase", after: 4n }],
  ["no file, and the destination is behind", 9n, undefined, 4n, { kind: "rebase", after: 4n }],
  ["all files since TXID 1, and a new destination", 9n, 1n, 0n, { kind: "continue", txid: 9n }],
  ["earlier files gone, and a new destination", 9n, 2n, 0n, { kind: "first-image" }],
  ["no files, and a new destination", 9n, undefined, 0n, { kind: "first-image" }],
])("%s", (_, localTXID, localFilesFrom, remoteTXID, expected) => {
  expect(planContinuity({ localTXID, localFilesFrom, remoteTXID })).toMatchObject(expected);
});
