/** The longest varint of a number below 2^53. */
export const MAX_VARINT_SIZE = 8;

/** Writes `value` (an integer below 2^53) as an unsigned LEB128 varint at `at`; returns the offset after it. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  // Bitwise operators see 32 bits only, so the bits above go by division.
  while (value >= 0x8000_0000) {
    bytes[at++] = (value % 128) | 128;
    value = Math.floor(value / 128);
  }
  while (value >= 128) {
    bytes[at++] = value | 128;
    value >>>= 7;
  }
  bytes[at++] = value;
  return at;
}
