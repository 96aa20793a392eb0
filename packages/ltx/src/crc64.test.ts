import fc from "fast-check";
import { expect, test } from "vitest";
import { CRC64, crc64Combine } from "./crc64.js";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);

/** Bit by bit, from the definition: reflected polynomial d800000000000000. */
function reference(bytes: Uint8Array): bigint {
  let register = 0xffff_ffff_ffff_ffffn;
  for (const byte of bytes) {
    register ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) register = (register >> 1n) ^ ((register & 1n) * 0xd800_0000_0000_0000n);
  }
  return register ^ 0xffff_ffff_ffff_ffffn;
}

test("check values of Go's crc64.ISO", () => {
  expect(new CRC64().digest()).toBe(0n);
  expect(new CRC64().update(text("123456789")).digest()).toBe(0xb909_56c7_75a4_1001n);
});

test("equals the definition, however the input is cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const crc = new CRC64().update(bytes.subarray(0, cut)).update(bytes.subarray(cut));
      expect(crc.digest()).toBe(reference(bytes));
    }),
  );
});

test("combines the checksums of parts", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
      const whole = new CRC64().update(a).update(b).digest();
      expect(crc64Combine(new CRC64().update(a).digest(), new CRC64().update(b).digest(), b.length)).toBe(whole);
    }),
  );
  expect(() => crc64Combine(1n, 1n, -1)).toThrow(RangeError);
});
