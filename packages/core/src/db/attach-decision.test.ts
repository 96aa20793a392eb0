import { describe, expect, it } from "vitest";
import type { LTXFileInfo } from "../replica-client.js";
import { chooseBase, continuation, isDestinationAhead } from "./attach-decision.js";
import type { StagedFile } from "./protocol.js";

const file = (level: number, minTXID: bigint, maxTXID: bigint, size: number): LTXFileInfo => ({ level, minTXID, maxTXID, size, createdAt: new Date(0) });
const MB = 1_000_000;
const staged = (...txids: bigint[]): StagedFile[] => txids.map((txid) => ({ txid, path: "", size: 1, timestampMs: 0, oldestCommitMs: 0 }));

describe("isDestinationAhead", () => {
  it.each([
    [0n, 0n, false],
    // Adoption: there is nothing local that could be behind.
    [0n, 9n, false],
    [9n, 9n, false],
    [9n, 8n, false],
    [8n, 9n, true],
  ])("[A7] local %d, remote %d: %s", (local, remote, expected) => {
    expect(isDestinationAhead(local, remote)).toBe(expected);
  });
});

describe("continuation", () => {
  it.each([
    ["all above the destination", staged(3n, 4n, 5n), 3n, [4n, 5n]],
    ["all", staged(1n, 2n), 0n, [1n, 2n]],
    ["nothing behind a hole", staged(5n, 6n), 3n, []],
    ["up to a hole", staged(4n, 5n, 7n), 3n, [4n, 5n]],
    ["nothing new", staged(1n, 2n), 2n, []],
    ["nothing at all", [], 2n, []],
  ])("%s", (_, files, remote, expected) => {
    expect(continuation(files, remote).map(({ txid }) => txid)).toEqual(expected);
  });
});

describe("chooseBase", () => {
  const listing = (...files: LTXFileInfo[]) => ({ files, damaged: [] });
  it.each([
    ["an empty destination", 0n, listing(), 1_000_000, "image"],
    ["a state that is cheap to read", 3n, listing(file(9, 1n, 2n, 40 * MB), file(0, 3n, 3n, 1000)), 100 * MB, "diff"],
    ["a state that costs a little more to read than the database has", 3n, listing(file(9, 1n, 2n, 90 * MB), file(0, 3n, 3n, 20 * MB)), 100 * MB, "diff"],
    ["a state that costs much more", 3n, listing(file(9, 1n, 2n, 90 * MB), file(0, 3n, 3n, 120 * MB)), 100 * MB, "image"],
    ["a small state that costs many times the database", 3n, listing(file(9, 1n, 2n, 9 * MB), file(0, 3n, 3n, 1 * MB)), 1 * MB, "diff"],
    ["a state with a hole below it", 4n, listing(file(9, 1n, 2n, 1000), file(0, 4n, 4n, 1000)), 1_000_000, "image"],
    [
      "a state whose only file is too short",
      1n,
      { files: [file(0, 1n, 1n, 3)], damaged: [{ level: 0, minTXID: 1n, maxTXID: 1n, reason: "short" }] },
      1_000_000,
      "image",
    ],
  ])("%s", (_, remoteTXID, found, databaseBytes, expected) => {
    expect(chooseBase(remoteTXID, found, databaseBytes).kind).toBe(expected);
  });
});
