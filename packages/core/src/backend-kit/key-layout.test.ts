import { expect, test } from "vitest";
import { decimalLayout, hexLayout } from "./key-layout.js";

test.each([
  [hexLayout("a/b"), 0, 1n, 1n, "a/b/0000/0000000000000001-0000000000000001.ltx"],
  [hexLayout("a/b"), 9, 1n, 255n, "a/b/0009/0000000000000001-00000000000000ff.ltx"],
  [hexLayout(""), 0, 2n, 2n, "/0000/0000000000000002-0000000000000002.ltx"],
  [hexLayout("."), 0, 2n, 2n, "./0000/0000000000000002-0000000000000002.ltx"],
  [decimalLayout("a"), 1, 16n, 31n, "a/ltx/1/0000000000000010-000000000000001f.ltx"],
  [decimalLayout(""), 0, 1n, 1n, "ltx/0/0000000000000001-0000000000000001.ltx"],
  [decimalLayout("."), 0, 1n, 1n, "ltx/0/0000000000000001-0000000000000001.ltx"],
] as const)("upstream's key %#", (layout, level, minTXID, maxTXID, key) => {
  expect(layout.key({ level, minTXID, maxTXID })).toBe(key);
  expect(layout.parse(level, key)).toEqual({ minTXID, maxTXID });
  expect(key.startsWith(layout.root)).toBe(true);
});

test("[I21, N9] what is no file of the level is none", () => {
  const layout = hexLayout("db1");
  for (const key of [
    "db10/0000/0000000000000001-0000000000000001.ltx",
    "db1/0001/0000000000000001-0000000000000001.ltx",
    "db1/0000/x/0000000000000001-0000000000000001.ltx",
    "db1/0000/../0000/0000000000000001-0000000000000001.ltx",
    "db1/0000/0000000000000001-0000000000000001.ltx.tmp",
    "db1/0000/000000000000000A-000000000000000A.ltx",
    "db1/0000/0000000000000002-0000000000000001.ltx",
    "db1/lock.json",
  ]) {
    expect(layout.parse(0, key)).toBeUndefined();
  }
});

test.each([
  ["db1/0000/0000000000000001-0000000000000001.ltx", true],
  ["db1/0000/notes.txt", true],
  ["db1/0000/0000/0000000000000001-0000000000000001.ltx", false],
  ["db1/0001/0000000000000001-0000000000000001.ltx", false],
  ["db1/00001", false],
  ["db10/0000/0000000000000001-0000000000000001.ltx", false],
  ["db1/lock.json", false],
])("[I21] the level holds %s: %s", (key, holds) => {
  expect(hexLayout("db1").holds(0, key)).toBe(holds);
});

test("a listing that starts after the seek key misses none and shows none before", () => {
  const layout = hexLayout("p");
  const key = (minTXID: bigint, maxTXID: bigint): string => layout.key({ level: 0, minTXID, maxTXID });
  const seek = layout.seekKey(0, 0x10n);
  expect([key(0x10n, 0x10n), key(0x10n, 0xffffn), key(0x11n, 0x11n)].every((one) => one > seek)).toBe(true);
  expect([key(0xfn, 0xfn), key(1n, 0xffffffn)].every((one) => one < seek)).toBe(true);
});

test.each([-1, 10, 0.5, Number.NaN])("level %s does not exist", (level) => {
  expect(() => hexLayout("p").levelPrefix(level)).toThrow(RangeError);
});

test.each([
  [0n, 1n],
  [2n, 1n],
  [1n, 1n << 64n],
])("TXIDs %s to %s are no range", (minTXID, maxTXID) => {
  expect(() => hexLayout("p").key({ level: 0, minTXID, maxTXID })).toThrow(RangeError);
});
