import { describe, expect, it } from "vitest";
import { isLSError } from "../errors.js";
import { ChecksumInput, updateChecksum } from "./checksum.js";
import { decodeWALHeader, isNextGeneration } from "./header.js";

function header(options: { magic?: number; version?: number; pageSize?: number } = {}): Uint8Array {
  const magic = options.magic ?? 0x377f0682;
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, false);
  view.setUint32(4, options.version ?? 3007000, false);
  view.setUint32(8, options.pageSize ?? 4096, false);
  view.setUint32(12, 7, false);
  view.setUint32(16, 0xfffffffe, false);
  view.setUint32(20, 0x80000001, false);
  const sum = { s0: 0, s1: 0 };
  updateChecksum(sum, new ChecksumInput(bytes), 0, 24, (magic & 1) === 1);
  view.setInt32(24, sum.s0, false);
  view.setInt32(28, sum.s1, false);
  return bytes;
}

describe("decodeWALHeader", () => {
  it.each([
    [0x377f0682, false],
    [0x377f0683, true],
  ])("reads magic %s", (magic, bigEndianChecksum) => {
    expect(decodeWALHeader(header({ magic }))).toMatchObject({ pageSize: 4096, sequence: 7, salt1: 0xfffffffe, salt2: 0x80000001, bigEndianChecksum });
  });

  it.each([512, 1024, 65536])("takes page size %s", (pageSize) => {
    expect(decodeWALHeader(header({ pageSize }))?.pageSize).toBe(pageSize);
  });

  it.each([0, 1, 256, 513, 4095, 131072, 0x80000000])("sees an empty WAL for page size %s", (pageSize) => {
    expect(decodeWALHeader(header({ pageSize }))).toBeUndefined();
  });

  it("sees an empty WAL for a wrong magic, a wrong checksum, and fewer than 32 bytes", () => {
    expect(decodeWALHeader(header({ magic: 0x377f0684 }))).toBeUndefined();
    expect(decodeWALHeader(header().with(31, 1))).toBeUndefined();
    expect(decodeWALHeader(header().subarray(0, 31))).toBeUndefined();
  });

  it("refuses a version that SQLite refuses", () => {
    let thrown: unknown;
    try {
      decodeWALHeader(header({ version: 3007001 }));
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown, "LS_NOT_A_DATABASE")).toBe(true);
  });

  it("reads from any alignment", () => {
    const shifted = new Uint8Array(33);
    shifted.set(header(), 1);
    expect(decodeWALHeader(shifted.subarray(1))).toEqual(decodeWALHeader(header()));
  });
});

describe("isNextGeneration", () => {
  it.each([
    [1, 2, true],
    [0xffffffff, 0, true],
    [1, 3, false],
    [5, 5, false],
  ])("%s to %s: %s", (previous, next, expected) => {
    expect(isNextGeneration(previous, next)).toBe(expected);
  });
});
