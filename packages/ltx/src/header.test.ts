import fc from "fast-check";
import { expect, test } from "vitest";
import { isLTXError, type LTXErrorCode } from "./error.js";
import { isValidPageSize, LTX_HEADER_SIZE, LTX_NO_CHECKSUM, lockPage } from "./format.js";
import { decodeLTXHeader, encodeLTXHeader, type LTXHeader, type LTXHeaderInit } from "./header.js";

const FLAG = 1n << 63n;
const MINIMAL: LTXHeaderInit = { pageSize: 4096, commit: 3, minTXID: 2n, maxTXID: 5n, timestampMs: 1_700_000_000_000 };

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const uint64 = fc.bigInt({ min: 0n, max: FLAG * 2n - 1n });
const anyHeader: fc.Arbitrary<LTXHeader> = fc
  .record({
    tracked: fc.boolean(),
    pageSizeLog: fc.integer({ min: 9, max: 16 }),
    commit: uint32,
    txids: fc.tuple(fc.bigInt({ min: 1n, max: FLAG * 2n - 1n }), fc.bigInt({ min: 1n, max: FLAG * 2n - 1n })),
    timestampMs: fc.maxSafeInteger(),
    checksum: uint64,
    walOffset: fc.integer({ min: 32, max: Number.MAX_SAFE_INTEGER }),
    walSize: fc.maxSafeNat(),
    walSalt1: uint32,
    walSalt2: uint32,
    nodeID: uint64,
  })
  .map(({ tracked, pageSizeLog, txids: [a, b], checksum, ...rest }) => {
    const [minTXID, maxTXID] = a < b ? [a, b] : [b, a];
    return {
      ...rest,
      flags: tracked ? 0 : LTX_NO_CHECKSUM,
      pageSize: 1 << pageSizeLog,
      minTXID,
      maxTXID,
      preApplyChecksum: tracked && minTXID !== 1n ? checksum | FLAG : 0n,
    };
  });

test("decode is the inverse of encode", () => {
  fc.assert(
    fc.property(anyHeader, (header) => {
      expect(decodeLTXHeader(encodeLTXHeader(header))).toEqual(header);
    }),
  );
});

test("defaults: no checksum tracking, everything else 0", () => {
  const bytes = encodeLTXHeader(MINIMAL);
  expect(bytes.length).toBe(LTX_HEADER_SIZE);
  expect(decodeLTXHeader(bytes)).toEqual({
    ...MINIMAL,
    flags: LTX_NO_CHECKSUM,
    preApplyChecksum: 0n,
    walOffset: 0,
    walSize: 0,
    walSalt1: 0,
    walSalt2: 0,
    nodeID: 0n,
  });
});

function code(run: () => unknown): LTXErrorCode | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (isLTXError(error)) return error.code;
    throw error;
  }
}

test.each<[string, Partial<LTXHeaderInit>]>([
  ["an unknown flag", { flags: 4 }],
  ["a page size that is no power of two", { pageSize: 4097 }],
  ["a page size that is too small", { pageSize: 256 }],
  ["a page size that is too large", { pageSize: 131072 }],
  ["minTXID 0", { minTXID: 0n }],
  ["minTXID above maxTXID", { minTXID: 6n }],
  ["a TXID beyond 64 bits", { maxTXID: 1n << 64n }],
  ["a fractional commit", { commit: 1.5 }],
  ["a commit beyond 32 bits", { commit: 2 ** 32 }],
  ["a fractional time", { timestampMs: 0.5 }],
  ["a WAL size without offset", { walSize: 1 }],
  ["salts without WAL offset", { walSalt1: 1 }],
  ["a negative WAL offset", { walOffset: -1 }],
  ["a pre-apply checksum without tracking", { preApplyChecksum: FLAG }],
  ["tracking without pre-apply checksum", { flags: 0 }],
  ["a pre-apply checksum without bit 63", { flags: 0, preApplyChecksum: 1n }],
  ["a pre-apply checksum at TXID 1", { flags: 0, minTXID: 1n, preApplyChecksum: FLAG }],
])("refuses to write %s", (_what, change) => {
  expect(code(() => encodeLTXHeader({ ...MINIMAL, ...change }))).toBe("LTX_INVALID");
});

test.each<[string, number, number[], LTXErrorCode]>([
  ["another magic", 0, [0x58], "LTX_CORRUPTED"],
  ["another version", 3, [0x32], "LTX_UNSUPPORTED"],
  ["an unknown flag", 4, [1], "LTX_UNSUPPORTED"],
  ["a bad page size", 8, [0, 0, 0, 1], "LTX_CORRUPTED"],
  ["minTXID 0", 16, [0, 0, 0, 0, 0, 0, 0, 0], "LTX_CORRUPTED"],
  ["a time beyond 2^53", 32, [0x7f], "LTX_CORRUPTED"],
  ["a WAL offset beyond 2^53", 48, [0x7f], "LTX_CORRUPTED"],
  ["a negative WAL size", 56, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "LTX_CORRUPTED"],
])("[D11] refuses to read %s", (_what, at, bytes, expected) => {
  const header = encodeLTXHeader(MINIMAL);
  header.set(bytes, at);
  expect(code(() => decodeLTXHeader(header))).toBe(expected);
});

test("[M10] refuses a short header, ignores what follows it", () => {
  const bytes = encodeLTXHeader(MINIMAL);
  expect(code(() => decodeLTXHeader(bytes.subarray(0, 99)))).toBe("LTX_TRUNCATED");
  const longer = new Uint8Array(120);
  longer.set(bytes, 10);
  expect(decodeLTXHeader(longer.subarray(10))).toEqual(decodeLTXHeader(bytes));
});

test("page sizes and the lock page", () => {
  expect([512, 1024, 2048, 4096, 8192, 16384, 32768, 65536].every(isValidPageSize)).toBe(true);
  expect([0, 1, 256, 511, 513, 1.5, Number.NaN, 131072, -4096].some(isValidPageSize)).toBe(false);
  expect(lockPage(4096)).toBe(262145);
  expect(lockPage(65536)).toBe(16385);
  expect(lockPage(512)).toBe(2097153);
});
