import { afterEach, describe, expect, test } from "vitest";
import { samplePage } from "../test/support.js";
import { forceJSCodec } from "./kernel.js";
import { hashPages, PageHasher } from "./page-hasher.js";

afterEach(() => forceJSCodec(false));

const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotl = (value: bigint, bits: bigint): bigint => u64((value << bits) | (value >> (64n - bits)));

/** All of XXH64 with seed 0, from the specification. */
function reference(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const round = (lane: bigint, word: bigint): bigint => u64(rotl(u64(lane + word * P2), 31n) * P1);
  let at = 0;
  let hash = P5;
  if (bytes.length >= 32) {
    const lanes = [u64(P1 + P2), P2, 0n, u64(-P1)];
    for (; at + 32 <= bytes.length; at += 32) for (const [i, lane] of lanes.entries()) lanes[i] = round(lane, view.getBigUint64(at + i * 8, true));
    hash = 0n;
    for (const [i, bits] of [1n, 7n, 12n, 18n].entries()) hash = u64(hash + rotl(lanes[i] ?? 0n, bits));
    for (const lane of lanes) hash = u64((hash ^ round(0n, lane)) * P1 + P4);
  }
  hash = u64(hash + BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) hash = u64(rotl(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4);
  for (; at + 4 <= bytes.length; at += 4) hash = u64(rotl(hash ^ u64(BigInt(view.getUint32(at, true)) * P1), 23n) * P2 + P3);
  for (; at < bytes.length; at++) hash = u64(rotl(hash ^ u64(BigInt(bytes[at] ?? 0) * P5), 11n) * P1);
  hash = u64((hash ^ (hash >> 33n)) * P2);
  hash = u64((hash ^ (hash >> 29n)) * P3);
  return hash ^ (hash >> 32n);
}

test("the reference gives the published values", () => {
  const of = (text: string): bigint => reference(new TextEncoder().encode(text));
  expect(of("")).toBe(0xef46db3751d8e999n);
  expect(of("a")).toBe(0xd24ec4f1a98c6e5bn);
  expect(of("abc")).toBe(0x44bc2cf5ad770999n);
  expect(of("Nobody inspects the spammish repetition")).toBe(0xfbcea83c8a378bf1n);
});

describe.each(["wasm", "js"])("%s", (kind) => {
  test.each([512, 1024, 4096, 65536])("hashes pages of %d bytes", (pageSize) => {
    forceJSCodec(kind === "js");
    const count = 2500;
    const distinct = 20;
    const total = Math.min(count, (3 * 1024 * 1024) / pageSize);
    const data = new Uint8Array(total * pageSize);
    for (let i = 0; i < total; i++) data.set(samplePage(i % distinct, pageSize), i * pageSize);
    const out = new Uint32Array(total * 2);
    hashPages(data, pageSize, total, out);
    const expected = Array.from({ length: distinct }, (_, i) => reference(samplePage(i, pageSize)));
    for (let i = 0; i < total; i++) expect((BigInt(out[i * 2 + 1] ?? 0) << 32n) | BigInt(out[i * 2] ?? 0)).toBe(expected[i % distinct]);
  });
});

test("hashes what was read straight into its input, to any place of the output", () => {
  const hasher = new PageHasher();
  expect(hasher.input.length).toBe(1024 * 1024);
  hasher.input.set(samplePage(5, 4096), 0);
  const out = new Uint32Array(8);
  hasher.hash(4096, 1, out, 4);
  const expected = reference(samplePage(5, 4096));
  expect([...out]).toEqual([0, 0, 0, 0, Number(expected & 0xffff_ffffn), Number(expected >> 32n), 0, 0]);
  expect(() => hasher.hash(4096, 257, new Uint32Array(1000))).toThrow(RangeError);
  expect(() => hasher.hash(4096, 5, out)).toThrow(RangeError);
  expect(() => hasher.hash(1000, 1, out)).toThrow(RangeError);
  hasher.dispose();
  hasher.dispose();
  expect(() => hasher.hash(4096, 1, out)).toThrow(TypeError);
  expect(() => hashPages(new Uint8Array(10), 512, 1, out)).toThrow(RangeError);
});
