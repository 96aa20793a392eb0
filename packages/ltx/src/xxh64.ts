/**
 * XXH64 with seed 0 over 32-bit halves: BigInt would be a hundred times slower. Inputs are pages, so only multiples
 * of 32 bytes occur and the tail rounds of the algorithm are not needed.
 *
 * The twin of `hashPage` in kernel/kernel.as.ts.
 */

// The five primes of XXH64 that this subset uses, as (high, low) halves.
const P1_HIGH = 0x9e3779b1;
const P1_LOW = 0x85ebca87;
const P2_HIGH = 0xc2b2ae3d;
const P2_LOW = 0x27d4eb4f;
const P3_HIGH = 0x165667b1;
const P3_LOW = 0x9e3779f9;
const P4_HIGH = 0x85ebca77;
const P4_LOW = 0xc2b2ae63;

/** The high word of the 64-bit product of two 32-bit words. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const mid = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = aLow * bHigh + (mid & 0xffff);
  return (aHigh * bHigh + Math.floor(mid / 0x10000) + Math.floor(cross / 0x10000)) | 0;
}

/** Low and high halves of the four accumulators. */
const lanes = new Int32Array(8);
const LANE_START: readonly number[] = [
  (P1_LOW + P2_LOW) | 0,
  (P1_HIGH + P2_HIGH + (P1_LOW + P2_LOW > 0xffff_ffff ? 1 : 0)) | 0,
  P2_LOW | 0,
  P2_HIGH | 0,
  0,
  0,
  -P1_LOW | 0,
  ~P1_HIGH,
];

/** Hashes `length` bytes (a multiple of 32, at least 32) at `offset`; the hash goes to out[at] (low word) and out[at + 1]. */
export function xxh64(view: DataView, offset: number, length: number, out: Uint32Array, at: number): void {
  lanes.set(LANE_START);
  const end = offset + length;
  for (let position = offset; position < end; position += 32) {
    for (let lane = 0; lane < 8; lane += 2) {
      const data = position + lane * 4;
      // acc += word * P2
      const wordLow = view.getInt32(data, true);
      const wordHigh = view.getInt32(data + 4, true);
      const productLow = Math.imul(wordLow, P2_LOW);
      const productHigh = (mulHigh(wordLow, P2_LOW) + Math.imul(wordLow, P2_HIGH) + Math.imul(wordHigh, P2_LOW)) | 0;
      const sum = ((lanes[lane] ?? 0) >>> 0) + (productLow >>> 0);
      const low = sum | 0;
      const high = ((lanes[lane + 1] ?? 0) + productHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
      // acc = rotl(acc, 31) * P1
      const turnedLow = (low << 31) | (high >>> 1);
      const turnedHigh = (high << 31) | (low >>> 1);
      lanes[lane] = Math.imul(turnedLow, P1_LOW);
      lanes[lane + 1] = (mulHigh(turnedLow, P1_LOW) + Math.imul(turnedLow, P1_HIGH) + Math.imul(turnedHigh, P1_LOW)) | 0;
    }
  }
  finish(length, out, at);
}

/** Merges the lanes, adds the length and mixes the bits. */
function finish(length: number, out: Uint32Array, at: number): void {
  let hash = 0n;
  const P1 = 0x9e3779b185ebca87n;
  const P2 = 0xc2b2ae3d27d4eb4fn;
  const rotl = (v: bigint, n: bigint): bigint => BigInt.asUintN(64, (v << n) | (v >> (64n - n)));
  const lane = (i: number): bigint => (BigInt((lanes[i + 1] ?? 0) >>> 0) << 32n) | BigInt((lanes[i] ?? 0) >>> 0);
  hash = BigInt.asUintN(64, rotl(lane(0), 1n) + rotl(lane(2), 7n) + rotl(lane(4), 12n) + rotl(lane(6), 18n));
  for (let i = 0; i < 8; i += 2) {
    const round = BigInt.asUintN(64, rotl(BigInt.asUintN(64, lane(i) * P2), 31n) * P1);
    hash = BigInt.asUintN(64, (hash ^ round) * P1 + ((BigInt(P4_HIGH) << 32n) | BigInt(P4_LOW)));
  }
  hash = BigInt.asUintN(64, hash + BigInt(length));
  hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * P2);
  hash = BigInt.asUintN(64, (hash ^ (hash >> 29n)) * ((BigInt(P3_HIGH) << 32n) | BigInt(P3_LOW)));
  hash ^= hash >> 32n;
  out[at] = Number(hash & 0xffff_ffffn);
  out[at + 1] = Number(hash >> 32n);
}
