import { expect, test } from "vitest";
import { isLTXError } from "./error.js";
import { formatLTXFilename, formatTXID, parseLTXFilename, parseTXID } from "./txid.js";

test("[D21, F14] a TXID is 16 lower-case hex digits, beyond 2^53 too", () => {
  for (const [txid, text] of [
    [1n, "0000000000000001"],
    [0x20_0000_0000_0001n, "0020000000000001"],
    [0xffff_ffff_ffff_ffffn, "ffffffffffffffff"],
  ] as const) {
    expect(formatTXID(txid)).toBe(text);
    expect(parseTXID(text)).toBe(txid);
    expect(parseTXID(text.toUpperCase())).toBe(txid);
  }
  expect(() => formatTXID(-1n)).toThrow(RangeError);
  expect(() => formatTXID(1n << 64n)).toThrow(RangeError);
});

test.each(["", "1", "000000000000000g", "00000000000000001", " 000000000000001", "0x00000000000001"])("%j is no TXID", (text) => {
  expect(() => parseTXID(text)).toThrow(expect.toSatisfy((error: unknown) => isLTXError(error, "LTX_INVALID")));
});

test("file names carry the range", () => {
  const name = "0000000000000002-ffffffffffffffff.ltx";
  expect(formatLTXFilename(2n, 0xffff_ffff_ffff_ffffn)).toBe(name);
  expect(parseLTXFilename(name)).toEqual({ minTXID: 2n, maxTXID: 0xffff_ffff_ffff_ffffn });
});

test.each([
  "0000000000000002-0000000000000001.ltx",
  "0000000000000000-0000000000000001.ltx",
  "000000000000000A-000000000000000a.ltx",
  "0000000000000001-0000000000000001.ltx.tmp",
  "x0000000000000001-0000000000000001.ltx",
  "0000000000000001-0000000000000001.ltx\n",
  "1-1.ltx",
])("%j is no LTX file name", (name) => {
  expect(parseLTXFilename(name)).toBeUndefined();
});
