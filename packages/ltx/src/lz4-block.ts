/**
 * LZ4 block compression for inputs of one page (at most 64 KiB, so that positions fit 16 bits), in JavaScript.
 *
 * The compressor follows kernel/kernel.as.ts decision by decision: the same hash, the same skipping, the same
 * match extension, so both emit the same bytes and a test can compare them. A change here is a change there.
 */

/** Log2 of the hash table for a page size. More entries than this gain nothing (measured: ±0.5 % size from 10 to 13). */
export function hashLog(pageSize: number): number {
  return pageSize <= 1024 ? 10 : pageSize <= 4096 ? 12 : 13;
}

const MAX_HASH_LOG = 13;
const HASH_MULTIPLIER = -1640531535; // 2654435761, Knuth's multiplicative hash, as in LZ4's own code
const MIN_MATCH = 4;
/** A block ends with at least 5 literals, and no match starts in its last 12 bytes (LZ4 block format, "End of block restrictions"). */
const LAST_LITERALS = 5;
const MATCH_FIND_LIMIT = 12;
/** After 64 misses the search takes 2 bytes per step, after 128 three, and so on. */
const SKIP_TRIGGER = 6;
/** Runs above this length are moved by the engine's memmove; below it a loop is faster (measured). */
const BULK_COPY = 256;

const table = new Uint16Array(1 << MAX_HASH_LOG);

/** The kernel's 64-bit hash of 5 bytes, of which only the upper 32 bits count: `word` is the first four. */
function hashOf(word: number, fifth: number): number {
  return (Math.imul(word, HASH_MULTIPLIER) + (word >>> 8) + (fifth << 24)) | 0;
}

/** A buffer together with the two views the loops need; built once per buffer. */
export interface ByteSpan {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/**
 * Compresses `length` bytes at `from` into one LZ4 block at `to` of the same buffer, and returns the block's size.
 * Up to 3 bytes beyond the block, and 3 beyond the input, are touched: the buffer must have that slack.
 */
export function compressBlock(span: ByteSpan, from: number, length: number, to: number, log: number): number {
  const { bytes, view } = span;
  const shift = 32 - log;
  const end = from + length;
  const matchFindEnd = end - MATCH_FIND_LIMIT;
  const matchEnd = end - LAST_LITERALS;
  let position = from;
  let anchor = from;
  let out = to;
  if (length > MATCH_FIND_LIMIT) {
    table.fill(0, 0, 1 << log);
    position++;
    search: for (;;) {
      let match = 0;
      let attempts = 1 << SKIP_TRIGGER;
      let step = 1;
      let word = 0;
      for (;;) {
        if (position + step > matchFindEnd) break search;
        word = view.getInt32(position, true);
        const slot = hashOf(word, bytes[position + 4] ?? 0) >>> shift;
        match = from + (table[slot] ?? 0);
        table[slot] = position - from;
        if (view.getInt32(match, true) === word) break;
        position += step;
        step = attempts++ >> SKIP_TRIGGER;
      }
      while (position > anchor && match > from && bytes[position - 1] === bytes[match - 1]) {
        position--;
        match--;
      }
      let literals = position - anchor;
      let token = out++;
      let tokenHigh = 0xf0;
      if (literals < 15) {
        tokenHigh = literals << 4;
        for (let at = 0; at < literals; at += 4) view.setInt32(out + at, view.getInt32(anchor + at, true), true);
        out += literals;
      } else {
        let rest = literals - 15;
        for (; rest >= 255; rest -= 255) bytes[out++] = 255;
        bytes[out++] = rest;
        if (literals > BULK_COPY) bytes.copyWithin(out, anchor, position);
        else for (let at = 0; at < literals; at += 4) view.setInt32(out + at, view.getInt32(anchor + at, true), true);
        out += literals;
      }
      for (;;) {
        const distance = position - match;
        position += MIN_MATCH;
        match += MIN_MATCH;
        const start = position;
        let atEnd = true;
        while (position < matchEnd - 3) {
          const difference = view.getInt32(position, true) ^ view.getInt32(match, true);
          if (difference !== 0) {
            position += (31 - Math.clz32(difference & -difference)) >> 3;
            atEnd = false;
            break;
          }
          position += 4;
          match += 4;
        }
        if (atEnd) {
          while (position < matchEnd && bytes[position] === bytes[match]) {
            position++;
            match++;
          }
        }
        view.setInt16(out, distance, true);
        out += 2;
        const extra = position - start;
        if (extra < 15) {
          bytes[token] = tokenHigh | extra;
        } else {
          bytes[token] = tokenHigh | 15;
          let rest = extra - 15;
          for (; rest >= 255; rest -= 255) bytes[out++] = 255;
          bytes[out++] = rest;
        }
        anchor = position;
        if (position > matchFindEnd) break search;
        table[hashOf(view.getInt32(position - 2, true), bytes[position + 2] ?? 0) >>> shift] = position - 2 - from;
        word = view.getInt32(position, true);
        const slot = hashOf(word, bytes[position + 4] ?? 0) >>> shift;
        match = from + (table[slot] ?? 0);
        table[slot] = position - from;
        if (view.getInt32(match, true) !== word) break;
        token = out++;
        tokenHigh = 0;
        literals = 0;
      }
      position++;
    }
  }
  const literals = end - anchor;
  if (literals < 15) {
    bytes[out++] = literals << 4;
  } else {
    bytes[out++] = 0xf0;
    let rest = literals - 15;
    for (; rest >= 255; rest -= 255) bytes[out++] = 255;
    bytes[out++] = rest;
  }
  bytes.copyWithin(out, anchor, end);
  return out + literals - to;
}

/**
 * Decompresses one LZ4 block of `length` bytes at `from` of `source` into at most `capacity` bytes at `to` of
 * `target`. Returns the number of bytes produced, or -1 if the block is malformed or would produce more; never
 * reads outside the block or writes outside the capacity.
 */
export function decompressBlock(source: ByteSpan, from: number, length: number, target: ByteSpan, to: number, capacity: number): number {
  const { bytes: input, view: inputView } = source;
  const { bytes: output, view: outputView } = target;
  const inputEnd = from + length;
  const outputEnd = to + capacity;
  let position = from;
  let out = to;
  while (position < inputEnd) {
    const token = input[position++] ?? 0;
    let literals = token >> 4;
    if (literals === 15) {
      let more = 0;
      do {
        if (position >= inputEnd) return -1;
        more = input[position++] ?? 0;
        literals += more;
      } while (more === 255);
    }
    if (literals > outputEnd - out || literals > inputEnd - position) return -1;
    if (literals !== 0) {
      const stop = out + literals;
      if (literals > BULK_COPY) {
        output.set(input.subarray(position, position + literals), out);
      } else if (stop <= outputEnd - 4 && position + literals <= inputEnd - 4) {
        for (let at = 0; at < literals; at += 4) outputView.setInt32(out + at, inputView.getInt32(position + at, true), true);
      } else {
        for (let at = 0; at < literals; at++) output[out + at] = input[position + at] ?? 0;
      }
      position += literals;
      out = stop;
    }
    if (position === inputEnd) return out - to;
    if (inputEnd - position < 2) return -1;
    const distance = inputView.getUint16(position, true);
    position += 2;
    let matchLength = token & 15;
    if (matchLength === 15) {
      let more = 0;
      do {
        if (position >= inputEnd) return -1;
        more = input[position++] ?? 0;
        matchLength += more;
      } while (more === 255);
    }
    matchLength += MIN_MATCH;
    let match = out - distance;
    if (distance === 0 || match < to || matchLength > outputEnd - out) return -1;
    const stop = out + matchLength;
    if (distance >= 4 && stop <= outputEnd - 4) {
      if (matchLength > BULK_COPY && distance >= matchLength) {
        output.copyWithin(out, match, match + matchLength);
      } else {
        for (; out < stop; out += 4, match += 4) outputView.setInt32(out, outputView.getInt32(match, true), true);
      }
    } else if (distance === 1 && matchLength > 48) {
      output.fill(output[match] ?? 0, out, stop);
    } else {
      for (; out < stop; out++, match++) output[out] = output[match] ?? 0;
    }
    out = stop;
  }
  return -1;
}
