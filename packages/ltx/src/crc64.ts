/**
 * CRC-64/ISO as Go's hash/crc64 computes it: reflected, initial value and final complement all ones,
 * check value b90956c775a41001.
 *
 * The polynomial x^64 + x^4 + x^3 + x + 1 is so sparse that no table is needed: x^64 = (1+x)(1+x^3) mod P, and
 * squaring keeps that shape, x^128 = (1+x^2)(1+x^6). So one register as wide as the data step is folded onto
 * the next step with a few shifts. Measured on 4 KiB pages: 4.4 GB/s for the 128-bit fold over a DataView, against
 * 1.8 GB/s for slicing-by-8 and 0.02 GB/s for a BigInt table.
 *
 * A register is two int32, low word first, and holds the *uncomplemented* state. It may live anywhere, also in
 * the memory of the WebAssembly kernel, which keeps it as one little-endian u64.
 */
export type CRCRegister = Int32Array;

/** Puts the register into the state before the first byte. */
export function crcReset(register: CRCRegister): void {
  register[0] = -1;
  register[1] = -1;
}

/** A register in the state before the first byte. */
export function newRegister(): CRCRegister {
  const register = new Int32Array(2);
  crcReset(register);
  return register;
}

/** Copies the register at `at` of `from` to `toAt` of `to`. By hand: a view for `set` costs more than both words. */
export function copyRegister(from: CRCRegister, at: number, to: CRCRegister, toAt: number): void {
  to[toAt] = from[at] ?? 0;
  to[toAt + 1] = from[at + 1] ?? 0;
}

/** The checksum of everything the register has seen. */
export function crcValue(register: CRCRegister): bigint {
  return (BigInt(~(register[1] ?? 0) >>> 0) << 32n) | BigInt(~(register[0] ?? 0) >>> 0);
}

/** Feeds `length` bytes at `offset` of `view` into the register. */
export function crcUpdate(register: CRCRegister, view: DataView, offset: number, length: number): void {
  const wide = length & ~15;
  if (wide !== 0) foldWide(register, view, offset, wide);
  const end = offset + length;
  for (let at = offset + wide; at < end; at++) stepByte(register, view.getUint8(at));
}

/** Feeds all of `bytes` into the register. */
export function crcUpdateBytes(register: CRCRegister, bytes: Uint8Array): void {
  crcUpdate(register, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}

/** The 128-bit fold; `length` is a positive multiple of 16. */
function foldWide(register: CRCRegister, view: DataView, offset: number, length: number): void {
  let a = register[0] ?? 0;
  let b = register[1] ?? 0;
  let c = 0;
  let d = 0;
  const last = offset + length - 16;
  let at = offset;
  for (; at < last; at += 16) {
    a ^= view.getInt32(at, true);
    b ^= view.getInt32(at + 4, true);
    c ^= view.getInt32(at + 8, true);
    // x^128 overflows by 8 bits: their product goes into the top of the register.
    d ^= view.getInt32(at + 12, true) ^ (a << 24) ^ (a << 26) ^ (a << 30);
    // times (1 + x^2), then times (1 + x^6)
    a ^= (a >>> 2) | (b << 30);
    b ^= (b >>> 2) | (c << 30);
    c ^= (c >>> 2) | (d << 30);
    d ^= d >>> 2;
    a ^= (a >>> 6) | (b << 26);
    b ^= (b >>> 6) | (c << 26);
    c ^= (c >>> 6) | (d << 26);
    d ^= d >>> 6;
  }
  // The last 16 bytes bring the 128-bit register back to 64 bits, in two steps of 64.
  let low = a ^ view.getInt32(at, true);
  let high = b ^ view.getInt32(at + 4, true);
  high ^= (low << 28) ^ (low << 29) ^ (low << 31);
  low ^= (low >>> 1) | (high << 31);
  high ^= high >>> 1;
  low ^= (low >>> 3) | (high << 29);
  high ^= high >>> 3;
  low ^= c ^ view.getInt32(at + 8, true);
  high ^= d ^ view.getInt32(at + 12, true);
  high ^= (low << 28) ^ (low << 29) ^ (low << 31);
  low ^= (low >>> 1) | (high << 31);
  high ^= high >>> 1;
  low ^= (low >>> 3) | (high << 29);
  high ^= high >>> 3;
  register[0] = low;
  register[1] = high;
}

/** One byte: the eight bits that leave the register come back at its top, times (1+x)(1+x^3). */
function stepByte(register: CRCRegister, byte: number): void {
  const low = (register[0] ?? 0) ^ byte;
  const high = register[1] ?? 0;
  let top = low << 24;
  top ^= top >>> 1;
  top ^= top >>> 3;
  register[0] = (low >>> 8) | (high << 24);
  register[1] = (high >>> 8) ^ top;
}

/** Multiplies two elements of GF(2)[x]/P, reflected: the top bit of the high word is x^0. The product goes to `out`. */
function multiply(aLow: number, aHigh: number, bLow: number, bHigh: number, out: CRCRegister): void {
  let low = 0;
  let high = 0;
  for (let bit = 0; bit < 64; bit++) {
    const mask = -(bit < 32 ? (bHigh >>> (31 - bit)) & 1 : (bLow >>> (63 - bit)) & 1);
    low ^= aLow & mask;
    high ^= aHigh & mask;
    const carry = -(aLow & 1);
    aLow = (aLow >>> 1) | (aHigh << 31);
    aHigh = (aHigh >>> 1) ^ (0xd800_0000 & carry); // P without x^64, reflected
  }
  out[0] = low;
  out[1] = high;
}

const X_TO_THE_8TH_HIGH = 1 << (31 - 8); // x^8 as a reflected element

/** Moves the register past `length` zero bytes, without the complement: register × x^(8 × length). */
export function crcShift(register: CRCRegister, length: number): void {
  const power = new Int32Array([0, X_TO_THE_8TH_HIGH]);
  for (let n = length; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) multiply(register[0] ?? 0, register[1] ?? 0, power[0] ?? 0, power[1] ?? 0, register);
    multiply(power[0] ?? 0, power[1] ?? 0, power[0] ?? 0, power[1] ?? 0, power);
  }
}

/**
 * The checksum of A followed by B, from the checksum of A, the checksum of B and the length of B in bytes.
 * So parts of one file may be read and checked in any order, or in parallel.
 */
export function crc64Combine(a: bigint, b: bigint, lengthB: number): bigint {
  if (!Number.isSafeInteger(lengthB) || lengthB < 0) throw new RangeError(`length ${lengthB} is not a safe non-negative integer`);
  const register = new Int32Array([Number(BigInt.asIntN(32, a)), Number(BigInt.asIntN(32, a >> 32n))]);
  crcShift(register, lengthB);
  return ((BigInt((register[1] ?? 0) >>> 0) << 32n) | BigInt((register[0] ?? 0) >>> 0)) ^ b;
}

/** A running CRC-64/ISO. The file checksum of LTX is this with bit 63 set. */
export class CRC64 {
  readonly #register: CRCRegister = newRegister();

  /** Adds bytes; returns this. */
  update(bytes: Uint8Array): this {
    crcUpdateBytes(this.#register, bytes);
    return this;
  }

  /** The checksum of what was added so far; more may follow. */
  digest(): bigint {
    return crcValue(this.#register);
  }
}
