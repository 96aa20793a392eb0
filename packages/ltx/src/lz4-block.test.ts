import fc from "fast-check";
import { expect, test } from "vitest";
import { expectBytes, randomSource, samplePage } from "../test/support.js";
import { maxBlockSize } from "./format.js";
import { type ByteSpan, compressBlock, decompressBlock, hashLog } from "./lz4-block.js";

const SLACK = 32;

function span(size: number): ByteSpan {
  const bytes = new Uint8Array(size);
  return { bytes, view: new DataView(bytes.buffer) };
}

function compress(input: Uint8Array, log: number): Uint8Array {
  const memory = span(2 * input.length + maxBlockSize(input.length) + 3 * SLACK);
  const to = input.length + SLACK;
  memory.bytes.set(input, 0);
  const size = compressBlock(memory, 0, input.length, to, log);
  expect(size).toBeLessThanOrEqual(maxBlockSize(input.length));
  return memory.bytes.slice(to, to + size);
}

/** Decompresses into a buffer with a frame around the capacity, and checks that nothing outside was written. */
function decompress(block: Uint8Array, capacity: number): Uint8Array | undefined {
  const source = span(block.length);
  source.bytes.set(block);
  const target = span(capacity + 2 * SLACK);
  target.bytes.fill(0xaa);
  const size = decompressBlock(source, 0, block.length, target, SLACK, capacity);
  expect(target.bytes.subarray(0, SLACK).every((byte) => byte === 0xaa)).toBe(true);
  expect(target.bytes.subarray(SLACK + capacity).every((byte) => byte === 0xaa)).toBe(true);
  return size < 0 ? undefined : target.bytes.slice(SLACK, SLACK + size);
}

const fromHex = (hex: string): Uint8Array => new Uint8Array(hex.split(" ").map((byte) => Number.parseInt(byte, 16)));
const text = (s: string): Uint8Array => new TextEncoder().encode(s);

test.each<[string, string, string]>([
  ["literals only", "30 61 62 63", "abc"],
  ["nothing", "00", ""],
  ["a match that overlaps itself", "12 61 01 00 50 62 63 64 65 66", "aaaaaaabcdef"],
  ["a match from 3 back", "31 61 62 63 03 00 50 78 78 78 78 78", "abcabcabxxxxx"],
  ["a long literal run", `f0 01 ${"71 ".repeat(16).trim()}`, "q".repeat(16)],
  ["a long match", "1f 61 01 00 06 00", "a".repeat(26)],
])("decompresses %s", (_what, hex, expected) => {
  expect(decompress(fromHex(hex), 64)).toEqual(text(expected));
});

test.each<[string, string]>([
  ["empty input", ""],
  ["literals cut off", "30 61 62"],
  ["literal length cut off", "f0"],
  ["distance cut off", "11 61 01"],
  ["match length cut off", "1f 61 01 00"],
  ["distance 0", "10 61 00 00 00"],
  ["distance before the start", "10 61 02 00 00"],
  ["no last literals after a match", "10 61 01 00"],
  ["more output than the capacity", `1f 61 01 00 ff 00`],
  ["endless literal length", `f0 ${"ff ".repeat(40).trim()}`],
])("refuses %s", (_what, hex) => {
  expect(decompress(hex === "" ? new Uint8Array() : fromHex(hex), 64)).toBeUndefined();
});

test.each([512, 1024, 4096, 8192, 65536])("restores pages of %d bytes", (pageSize) => {
  for (let seed = 0; seed < 40; seed++) {
    const page = samplePage(seed, pageSize);
    const block = compress(page, hashLog(pageSize));
    expectBytes(decompress(block, pageSize), page);
    expect(decompress(block, pageSize - 1)).toBeUndefined();
  }
});

test("restores input of any length, down to nothing", () => {
  fc.assert(
    fc.property(fc.nat(600), fc.integer(), (length, seed) => {
      const input = samplePage(seed, length);
      expect(decompress(compress(input, 10), length)).toEqual(input);
    }),
  );
});

test("obeys the end of block rules: liblz4 refuses blocks that do not", () => {
  for (let seed = 0; seed < 200; seed++) {
    const page = samplePage(seed, 512);
    const { lastMatchStart, lastLiterals, matches } = walk(compress(page, 10));
    if (matches === 0) continue;
    expect(lastLiterals).toBeGreaterThanOrEqual(5);
    expect(lastMatchStart).toBeLessThanOrEqual(512 - 12);
  }
});

/** Follows the sequences of a valid block without producing its content. */
function walk(block: Uint8Array): { matches: number; lastMatchStart: number; lastLiterals: number } {
  let at = 0;
  let produced = 0;
  let matches = 0;
  let lastMatchStart = 0;
  const length = (low: number): number => {
    let total = low;
    if (low === 15) {
      let more = 255;
      while (more === 255) {
        more = block[at++] ?? 0;
        total += more;
      }
    }
    return total;
  };
  for (;;) {
    const token = block[at++] ?? 0;
    const literals = length(token >> 4);
    at += literals;
    produced += literals;
    if (at === block.length) return { matches, lastMatchStart, lastLiterals: literals };
    at += 2;
    matches++;
    lastMatchStart = produced;
    produced += length(token & 15) + 4;
  }
}

test("any damage gives a page or -1, within the capacity", () => {
  const random = randomSource(1);
  for (let i = 0; i < 3000; i++) {
    const block = compress(samplePage(i % 50, 1024), 10);
    for (let flips = 1 + random(3); flips > 0; flips--) block[random(block.length)] = random(256);
    decompress(block.subarray(0, 1 + random(block.length)), 1024);
  }
});
