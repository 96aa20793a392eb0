import type { LTXFileRef } from "@ls/core/backend-kit";
import { encodeLTXHeader, LTX_HEADER_SIZE } from "@ls/ltx";

/** Time in the headers of the suite's files, unless a case says otherwise: no whole second, so that lost milliseconds show. */
export const HEADER_TIME: number = Date.UTC(2026, 0, 31, 12, 0, 0, 655);

export interface FileShape {
  /** Bytes, at least 100 for the header. Default 1,000. */
  readonly size?: number;
  /** Milliseconds since the epoch. Default {@link HEADER_TIME}. */
  readonly timestampMs?: number;
  /** Another number, another content. Default 1. */
  readonly seed?: number;
}

/** A file of one TXID. */
export function ref(txid: bigint, level = 0): LTXFileRef {
  return { level, minTXID: txid, maxTXID: txid };
}

/** A file of several TXIDs. */
export function range(minTXID: bigint, maxTXID: bigint, level = 0): LTXFileRef {
  return { level, minTXID, maxTXID };
}

/** The bytes of a file: a valid header, then anything. A client looks at nothing behind the header. */
export function ltxBytes({ minTXID, maxTXID }: LTXFileRef, { size = 1000, timestampMs = HEADER_TIME, seed = 1 }: FileShape = {}): Uint8Array<ArrayBuffer> {
  const bytes = noise(size, seed);
  bytes.set(encodeLTXHeader({ pageSize: 4096, commit: 1, minTXID, maxTXID, timestampMs }));
  return bytes;
}

/** Bytes that compress badly and repeat late: a chunk that is lost, doubled or misplaced shows. */
function noise(size: number, seed: number): Uint8Array<ArrayBuffer> {
  if (size < LTX_HEADER_SIZE) throw new RangeError(`an LTX file has at least ${LTX_HEADER_SIZE} bytes`);
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  for (let i = 0; i < words.length; i++) {
    // xorshift32 (Marsaglia 2003, 13-17-5).
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}
