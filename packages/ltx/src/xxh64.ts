/**
 * XXH64 with seed 0 over 32-bit halves: BigInt would be a hundred times slower. Inputs are pages, so only multiples
 * of 32 bytes occur and the tail rounds of the algorithm are not needed.
 *
 * The twin of `xxh64` in kernel/kernel.as.ts. Source: xxHash specification, "XXH64 Algorithm Description".
 */

// Low and high halves of the algorithm's primes.
const P1_LOW = 0x85ebca87;
const P1_HIGH = 0x9e3779b1;
const P2_LOW = 0x27d4eb4f;
const P2_HIGH = 0xc2b2ae3d;
const P3_LOW = 0x9e3779f9;
const P3_HIGH = 0x165667b1;
const P4_LOW = 0xc2b2ae63;
const P4_HIGH = 0x85ebca77;

/** The accumulator that the helpers below work on. */
let low = 0;
let high = 0;

function add(addLow: number, addHigh: number): void {
  const sum = (low >>> 0) + (addLow >>> 0);
  low = sum | 0;
  high = (high + addHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
}

function multiply(factorLow: number, factorHigh: number): void {
  // The high word of low × factorLow, from 16-bit parts: every partial sum stays below 2^53.
  const a0 = low & 0xffff;
  const a1 = low >>> 16;
  const b0 = factorLow & 0xffff;
  const b1 = factorLow >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = (a1 * b1 + Math.floor(middle / 0x1_0000) + Math.floor((a0 * b1 + (middle & 0xffff)) / 0x1_0000)) | 0;
  high = (carry + Math.imul(low, factorHigh) + Math.imul(high, factorLow)) | 0;
  low = Math.imul(low, factorLow);
}

/** 0 < bits < 32 */
function rotateLeft(bits: number): void {
  const turned = (low << bits) | (high >>> (32 - bits));
  high = (high << bits) | (low >>> (32 - bits));
  low = turned;
}

/** Lane `at`: low and high half of lanes[at] and lanes[at + 1]. Four of them. */
const lanes = new Int32Array(8);
const LANES_AT_START: Int32Array = startLanes();

function startLanes(): Int32Array {
  low = P1_LOW;
  high = P1_HIGH;
  add(P2_LOW, P2_HIGH);
  // The last lane starts at -P1.
  return new Int32Array([low, high, P2_LOW, P2_HIGH, 0, 0, -P1_LOW, ~P1_HIGH]);
}

/** lane = rotl(lane + word × P2, 31) × P1, left in the accumulator. */
function round(laneLow: number, laneHigh: number, wordLow: number, wordHigh: number): void {
  low = wordLow;
  high = wordHigh;
  multiply(P2_LOW, P2_HIGH);
  add(laneLow, laneHigh);
  rotateLeft(31);
  multiply(P1_LOW, P1_HIGH);
}

/** Hashes `length` bytes (a multiple of 32, at least 32) at `offset`; the hash goes to out[at] (low word) and out[at + 1]. */
export function xxh64(view: DataView, offset: number, length: number, out: Uint32Array, at: number): void {
  lanes.set(LANES_AT_START);
  const end = offset + length;
  for (let position = offset; position < end; position += 32) {
    for (let lane = 0; lane < 8; lane += 2) {
      const word = position + lane * 4;
      round(lanes[lane] ?? 0, lanes[lane + 1] ?? 0, view.getInt32(word, true), view.getInt32(word + 4, true));
      lanes[lane] = low;
      lanes[lane + 1] = high;
    }
  }
  finish(length);
  out[at] = low;
  out[at + 1] = high;
}

const LANE_ROTATIONS: readonly number[] = [1, 7, 12, 18];

/** Joins the lanes, adds the length and mixes the bits; leaves the hash in the accumulator. */
function finish(length: number): void {
  let hashLow = 0;
  let hashHigh = 0;
  for (const [lane, bits] of LANE_ROTATIONS.entries()) {
    low = lanes[lane * 2] ?? 0;
    high = lanes[lane * 2 + 1] ?? 0;
    rotateLeft(bits);
    add(hashLow, hashHigh);
    hashLow = low;
    hashHigh = high;
  }
  for (let lane = 0; lane < 8; lane += 2) {
    round(0, 0, lanes[lane] ?? 0, lanes[lane + 1] ?? 0);
    low ^= hashLow;
    high ^= hashHigh;
    multiply(P1_LOW, P1_HIGH);
    add(P4_LOW, P4_HIGH);
    hashLow = low;
    hashHigh = high;
  }
  add(length, 0);
  low ^= high >>> 1; // hash ^= hash >> 33
  multiply(P2_LOW, P2_HIGH);
  low ^= (low >>> 29) | (high << 3); // hash ^= hash >> 29
  high ^= high >>> 29;
  multiply(P3_LOW, P3_HIGH);
  low ^= high; // hash ^= hash >> 32
}
