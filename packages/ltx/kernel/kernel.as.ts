/*
 * The inner loops of @ls/ltx in AssemblyScript: raw loads and stores only, no objects, no imports.
 * `pnpm gen:kernel` compiles this file; the result is committed, and `pnpm check:kernel` proves that it is this source's.
 *
 * The memory layout is src/arena.ts. Every function is the twin of one in JavaScript (src/js-kernel.ts) and produces the same
 * bytes: a change here is a change there, and the tests compare the two.
 *
 * SIMD is part of every WebAssembly runtime since 2021; one without it cannot compile this, and gets the twin.
 *
 * Wide copies touch up to 32 bytes beyond what they copy. Behind each area there is another one or slack.
 */

// ---- Layout: must equal src/arena.ts; a test compares them.
const IN_OFFSET: usize = 96 * 1024;
const OUT_OFFSET: usize = IN_OFFSET + 512 * 1024;
const REGISTER: usize = 32 * 1024;
const FRAME_SHIFT: usize = REGISTER + 8;
const RESULT: usize = REGISTER + 16;
const TABLE_ENTRIES: usize = 2048;
const PGNO_TABLE: usize = 32 * 1024 + 1024;
const OFFSET_TABLE: usize = PGNO_TABLE + TABLE_ENTRIES * 4;
const SIZE_TABLE: usize = OFFSET_TABLE + TABLE_ENTRIES * 4;
const WIDE_TABLE: usize = SIZE_TABLE + TABLE_ENTRIES * 4;

const DECODE_MORE: i32 = 0;
const DECODE_END: i32 = 1;
const DECODE_LEGACY: i32 = 2;
const DECODE_BAD_FLAGS: i32 = 3;
const DECODE_BAD_SIZE: i32 = 4;
const DECODE_BAD_BLOCK: i32 = 5;

const PAGE_HEADER_SIZE: u32 = 6;
const FRAME_HEADER_SIZE: u32 = 10;
/** Page flag 1 (a size prefix follows) as a little-endian load of the big-endian field sees it. */
const FLAG_SIZE_LE: u32 = 0x0100;

/** Where the static data of this module end: must not reach REGISTER. */
export function dataEnd(): usize {
  return __heap_base;
}

// ---- LZ4 block

const HASH_TABLE: usize = memory.data(16384, 16); // u16[2^13]
/** 2654435761 × 2^8 + 1: Knuth's multiplicative hash, of a form that the twin can compute in 32 bits. */
const HASH_MULTIPLIER: u64 = 0x9e3779b101;
const MIN_MATCH: usize = 4;
const LAST_LITERALS: usize = 5;
const MATCH_FIND_LIMIT: usize = 12;
const SKIP_TRIGGER: u32 = 6;

/**
 * Of 5 bytes, though a match may be of 4: matches that short are often chance, and finding fewer of them is an eighth faster for one per
 * cent more bytes (measured on pages).
 */
// @ts-ignore: AssemblyScript decorator
@inline
function hashOf(at: usize, shift: u32): u32 {
  return <u32>(((load<u64>(at) << 24) * HASH_MULTIPLIER) >> shift);
}

// @ts-ignore: AssemblyScript decorator
@inline
function copy16(to: usize, from: usize): void {
  v128.store(to, v128.load(from));
}

/** Copies up to `end`, 32 bytes at a time: few runs are longer, so the loop is seldom guessed wrong. The source may begin 16 bytes before the target or earlier. */
// @ts-ignore: AssemblyScript decorator
@inline
function copyWide(to: usize, from: usize, end: usize): void {
  copy16(to, from);
  copy16(to + 16, from + 16);
  while ((to += 32) < end) {
    from += 32;
    copy16(to, from);
    copy16(to + 16, from + 16);
  }
}

/** Writes what a length field of 15 leaves over; returns where the next byte goes. */
// @ts-ignore: AssemblyScript decorator
@inline
function putLength(to: usize, rest: u32): usize {
  for (; rest >= 255; rest -= 255) store<u8>(to++, 255);
  store<u8>(to++, <u8>rest);
  return to;
}

/** Compresses `length` bytes at `from` into one block at `to`; returns its size. */
function compressBlock(from: usize, length: u32, to: usize, log: u32): u32 {
  const shift = 64 - log;
  const end = from + length;
  const matchFindEnd = end - MATCH_FIND_LIMIT;
  const matchEnd = end - LAST_LITERALS;
  let position = from;
  let anchor = from;
  let out = to;
  if (length > <u32>MATCH_FIND_LIMIT) {
    memory.fill(HASH_TABLE, 0, (<usize>2) << log);
    let nextHash = hashOf(++position, shift);
    let done = false;
    while (!done) {
      let match: usize = 0;
      let next = position;
      let step: u32 = 1;
      let attempts: u32 = 1 << SKIP_TRIGGER;
      do {
        const hash = nextHash;
        position = next;
        next += step;
        step = attempts++ >> SKIP_TRIGGER;
        if (next > matchFindEnd) {
          done = true;
          break;
        }
        const slot = HASH_TABLE + ((<usize>hash) << 1);
        match = from + load<u16>(slot);
        nextHash = hashOf(next, shift);
        store<u16>(slot, <u16>(position - from));
      } while (load<u32>(match) != load<u32>(position));
      if (done) break;
      while (position > anchor && match > from && load<u8>(position - 1) == load<u8>(match - 1)) {
        position--;
        match--;
      }
      let token = out++;
      const literals = <u32>(position - anchor);
      if (literals >= 15) {
        store<u8>(token, 0xf0);
        out = putLength(out, literals - 15);
      } else {
        store<u8>(token, <u8>(literals << 4));
      }
      const literalsEnd = out + literals;
      do {
        copy16(out, anchor);
        out += 16;
        anchor += 16;
      } while (out < literalsEnd);
      out = literalsEnd;
      for (;;) {
        store<u16>(out, <u16>(position - match));
        out += 2;
        position += MIN_MATCH;
        match += MIN_MATCH;
        const start = position;
        let atEnd = true;
        while (position < matchEnd - 7) {
          const difference = load<u64>(position) ^ load<u64>(match);
          if (difference) {
            position += <usize>(ctz(difference) >> 3);
            atEnd = false;
            break;
          }
          position += 8;
          match += 8;
        }
        if (atEnd) {
          while (position < matchEnd && load<u8>(position) == load<u8>(match)) {
            position++;
            match++;
          }
        }
        const extra = <u32>(position - start);
        if (extra >= 15) {
          store<u8>(token, load<u8>(token) | 15);
          out = putLength(out, extra - 15);
        } else {
          store<u8>(token, load<u8>(token) | <u8>extra);
        }
        anchor = position;
        if (position > matchFindEnd) {
          done = true;
          break;
        }
        store<u16>(HASH_TABLE + ((<usize>hashOf(position - 2, shift)) << 1), <u16>(position - 2 - from));
        const slot = HASH_TABLE + ((<usize>hashOf(position, shift)) << 1);
        match = from + load<u16>(slot);
        store<u16>(slot, <u16>(position - from));
        if (load<u32>(match) != load<u32>(position)) break;
        token = out++;
        store<u8>(token, 0);
      }
      if (done) break;
      nextHash = hashOf(++position, shift);
      if (position > matchFindEnd) break;
    }
  }
  const literals = <u32>(end - anchor);
  if (literals >= 15) {
    store<u8>(out++, 0xf0);
    out = putLength(out, literals - 15);
  } else {
    store<u8>(out++, <u8>(literals << 4));
  }
  const literalsEnd = out + literals;
  for (; out < literalsEnd; out += 16, anchor += 16) copy16(out, anchor);
  return <u32>(literalsEnd - to);
}

/** Decompresses the block of `length` bytes at `from` to at most `capacity` bytes at `to`. Returns the bytes produced, or -1. */
function decompressBlock(from: usize, length: u32, to: usize, capacity: u32): i32 {
  let position = from;
  let out = to;
  const inputEnd = from + length;
  const outputEnd = to + capacity;
  while (position < inputEnd) {
    const token = <u32>load<u8>(position++);
    let literals = token >> 4;
    if (literals == 15) {
      let more: u32;
      do {
        if (position >= inputEnd) return -1;
        more = load<u8>(position++);
        literals += more;
      } while (more == 255);
    }
    if (literals > <u32>(outputEnd - out) || literals > <u32>(inputEnd - position)) return -1;
    let target = out;
    out += literals;
    copyWide(target, position, out);
    position += literals;
    if (position == inputEnd) return <i32>(out - to);
    if (<u32>(inputEnd - position) < 2) return -1;
    const distance = <u32>load<u16>(position);
    position += 2;
    let matchLength = token & 15;
    if (matchLength == 15) {
      let more: u32;
      do {
        if (position >= inputEnd) return -1;
        more = load<u8>(position++);
        matchLength += more;
      } while (more == 255);
    }
    matchLength += <u32>MIN_MATCH;
    if (distance == 0 || distance > <u32>(out - to) || matchLength > <u32>(outputEnd - out)) return -1;
    target = out;
    let match = out - distance;
    out += matchLength;
    if (distance >= 16) {
      copyWide(target, match, out);
    } else if (distance >= 8) {
      store<u64>(target, load<u64>(match));
      while ((target += 8) < out) {
        match += 8;
        store<u64>(target, load<u64>(match));
      }
    } else if (distance == 1) {
      const pattern = v128.splat<u8>(load<u8>(match));
      for (; target < out; target += 16) v128.store(target, pattern);
    } else {
      // The period is below 8: lay down 8 bytes singly, then go on from a multiple of the period at least 8 back.
      for (let i: usize = 0; i < 8; i++) store<u8>(target + i, load<u8>(match + i));
      target += 8;
      match = target - distance * ((7 + distance) / distance);
      for (; target < out; target += 8, match += 8) store<u64>(target, load<u64>(match));
    }
  }
  return -1;
}

// ---- CRC-64/ISO; see src/crc64.ts for the arithmetic. The register is uncomplemented.

/** (1 + x)(1 + x^3) */
// @ts-ignore: AssemblyScript decorator
@inline
function spread(v: u64): u64 {
  v ^= v >> 1;
  v ^= v >> 3;
  return v;
}

/** One step over 64 bits that are already in the register. */
// @ts-ignore: AssemblyScript decorator
@inline
function step64(v: u64): u64 {
  return spread(v ^ (v << 60) ^ (v << 61) ^ (v << 63));
}

// @ts-ignore: AssemblyScript decorator
@inline
function step16(register: u64, data: u64): u64 {
  register ^= data;
  return (register >> 16) ^ spread(register << 48);
}

/** The 4096 bits that {@link crcPage} folds by, as 64 words. */
const RING: usize = memory.data(512, 16);

/** The high word of `a` and the low word of `b`. */
// @ts-ignore: AssemblyScript decorator
@inline
function between(a: v128, b: v128): v128 {
  return v128.shuffle<u64>(a, b, 1, 2);
}

/** What the first words of the ring, folded, add to its last ones. Twice is not at all. */
// @ts-ignore: AssemblyScript decorator
@inline
function foldAcrossTheEnd(): void {
  const a = load<u64>(RING);
  const b = load<u64>(RING, 8);
  const c = load<u64>(RING, 16);
  const d = load<u64>(RING, 24);
  store<u64>(RING, load<u64>(RING, 480) ^ a, 480);
  store<u64>(RING, load<u64>(RING, 488) ^ a ^ b, 488);
  store<u64>(RING, load<u64>(RING, 496) ^ b ^ c, 496);
  store<u64>(RING, load<u64>(RING, 504) ^ a ^ c ^ d, 504);
}

/**
 * Folds a page of `length` bytes, a positive multiple of 512. x^4096 = (1 + x^64)(1 + x^192) moves whole words, so a word is the exclusive or
 * of the page's and of those 64, 63, 61 and 60 words before it, and needs no shift; the last 64 take part in no fold.
 */
function crcPage(register: u64, at: usize, length: u32): u64 {
  const end = at + length;
  memory.copy(RING, at, 512);
  store<u64>(RING, load<u64>(RING) ^ register);
  at += 512;
  if (at < end) {
    foldAcrossTheEnd();
    let a = v128.load(RING);
    let b = v128.load(RING, 16);
    let ab = between(a, b);
    do {
      for (let slot: usize = 0; slot < 512; slot += 32, at += 32) {
        // Behind the end the ring begins again, with words that are folded already.
        const ahead = RING + ((slot + 32) & 511);
        const c = v128.load(ahead);
        const d = v128.load(ahead, 16);
        const bc = between(b, c);
        const cd = between(c, d);
        v128.store(RING + slot, v128.xor(v128.xor(v128.load(at), v128.xor(a, c)), v128.xor(ab, bc)));
        v128.store(RING + slot, v128.xor(v128.xor(v128.load(at, 16), v128.xor(b, d)), v128.xor(bc, cd)), 16);
        a = c;
        b = d;
        ab = cd;
      }
    } while (at < end);
    foldAcrossTheEnd();
  }
  return crcRing();
}

/** Reduces the ring to 64 bits, folding with a 256-bit register: x^256 = (1 + x^4)(1 + x^12). */
function crcRing(): u64 {
  let at = RING;
  let a = load<u64>(at);
  let b = load<u64>(at, 8);
  let c = load<u64>(at, 16);
  let d = load<u64>(at, 24);
  const end = RING + 512;
  for (at += 32; at < end; at += 32) {
    d ^= (a << 48) ^ (a << 52) ^ (a << 60);
    a ^= (a >> 4) | (b << 60);
    b ^= (b >> 4) | (c << 60);
    c ^= (c >> 4) | (d << 60);
    d ^= d >> 4;
    a ^= (a >> 12) | (b << 52);
    b ^= (b >> 12) | (c << 52);
    c ^= (c >> 12) | (d << 52);
    d ^= d >> 12;
    a ^= load<u64>(at);
    b ^= load<u64>(at, 8);
    c ^= load<u64>(at, 16);
    d ^= load<u64>(at, 24);
  }
  return step64(step64(step64(step64(a) ^ b) ^ c) ^ d);
}

/** A frame as the checksum sees it: its 10 header bytes, then the page. */
// @ts-ignore: AssemblyScript decorator
@inline
function crcFrame(register: u64, header: usize, page: usize, pageSize: u32): u64 {
  register = step64(register ^ load<u64>(header));
  register = step16(register, <u64>load<u16>(header, 8));
  return crcPage(register, page, pageSize);
}

/** Product in the field of the checksum; the top bit is x^0. */
function multiply(a: u64, b: u64): u64 {
  let product: u64 = 0;
  for (; b != 0; b <<= 1) {
    product ^= a & (0 - (b >> 63));
    a = (a >> 1) ^ (0xd800000000000000 & (0 - (a & 1)));
  }
  return product;
}

/** value × base^exponent */
function multiplyPower(value: u64, base: u64, exponent: u32): u64 {
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) value = multiply(base, value);
    if (exponent > 1) base = multiply(base, base);
  }
  return value;
}

// ---- Frames

export function encodePages(count: u32, pageSize: u32, to: usize, log: u32): u32 {
  let out = to;
  let register = load<u64>(REGISTER);
  for (let i: usize = 0; i < <usize>count * 4; i += 4) {
    const page = <usize>load<u32>(OFFSET_TABLE + i);
    const size = compressBlock(page, pageSize, out + FRAME_HEADER_SIZE, log);
    store<u32>(out, bswap<u32>(load<u32>(PGNO_TABLE + i)));
    store<u16>(out, <u16>FLAG_SIZE_LE, 4);
    store<u32>(out, bswap<u32>(size), 6);
    register = crcFrame(register, out, page, pageSize);
    store<u32>(SIZE_TABLE + i, FRAME_HEADER_SIZE + size);
    out += FRAME_HEADER_SIZE + size;
  }
  store<u64>(REGISTER, register);
  return <u32>(out - to);
}

export function decodeFrames(from: usize, length: u32, pageSize: u32, maxPages: u32): i32 {
  const end = from + length;
  const sizeLimit = pageSize + pageSize / 255 + 16;
  let position = from;
  let page = OUT_OFFSET;
  let count: u32 = 0;
  let status = DECODE_MORE;
  let register = load<u64>(REGISTER);
  while (count < maxPages && <u32>(end - position) >= PAGE_HEADER_SIZE) {
    const pgno = bswap<u32>(load<u32>(position));
    const flags = <u32>load<u16>(position, 4);
    if (pgno == 0 && flags == 0) {
      register = step16(step16(step16(register, 0), 0), 0);
      position += PAGE_HEADER_SIZE;
      status = DECODE_END;
      break;
    }
    if (flags != FLAG_SIZE_LE) {
      status = flags == 0 ? DECODE_LEGACY : DECODE_BAD_FLAGS;
      break;
    }
    if (<u32>(end - position) < FRAME_HEADER_SIZE) break;
    const size = bswap<u32>(load<u32>(position, 6));
    if (size > sizeLimit) {
      status = DECODE_BAD_SIZE;
      break;
    }
    if (<u32>(end - position) - FRAME_HEADER_SIZE < size) break;
    if (decompressBlock(position + FRAME_HEADER_SIZE, size, page, pageSize) != <i32>pageSize) {
      status = DECODE_BAD_BLOCK;
      break;
    }
    register = crcFrame(register, position, page, pageSize);
    store<u32>(PGNO_TABLE + (<usize>count << 2), pgno);
    store<u32>(SIZE_TABLE + (<usize>count << 2), FRAME_HEADER_SIZE + size);
    count++;
    page += pageSize;
    position += FRAME_HEADER_SIZE + size;
  }
  store<u32>(RESULT, <u32>(position - from));
  store<u32>(RESULT, count, 4);
  store<u64>(REGISTER, register);
  return status;
}

/**
 * Frames that follow each other in one file and all go to the output are read once for both checksums: the difference of
 * two registers that see the same bytes only gets multiplied by x^(8 × bytes), so the input's register follows from the output's.
 */
export function mergeFrames(count: u32, pageSize: u32): u32 {
  const shift = load<u64>(FRAME_SHIFT);
  let register = load<u64>(REGISTER);
  /** Where the register of the current run's input lies; 0: there is no run. */
  let runInput: usize = 0;
  /** Input register ^ output register where the run began. */
  let difference: u64 = 0;
  let runLength: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const frame = <usize>load<u32>(OFFSET_TABLE + (<usize>i << 2));
    const target = load<u32>(PGNO_TABLE + (<usize>i << 2));
    const size = bswap<u32>(load<u32>(frame, 6));
    if (decompressBlock(frame + FRAME_HEADER_SIZE, size, OUT_OFFSET, pageSize) != <i32>pageSize) return i;
    const input = WIDE_TABLE + (<usize>(target >> 1) << 3);
    const emit = (target & 1) != 0;
    if (runInput != 0 && (runInput != input || !emit)) {
      store<u64>(runInput, register ^ multiplyPower(difference, shift, runLength));
      runInput = 0;
    }
    if (!emit) {
      store<u64>(input, crcFrame(load<u64>(input), frame, OUT_OFFSET, pageSize));
      continue;
    }
    if (runInput == 0) {
      runInput = input;
      runLength = 0;
      difference = load<u64>(input) ^ register;
    }
    register = crcFrame(register, frame, OUT_OFFSET, pageSize);
    runLength++;
  }
  if (runInput != 0) store<u64>(runInput, register ^ multiplyPower(difference, shift, runLength));
  store<u64>(REGISTER, register);
  return count;
}

// ---- XXH64, seed 0, for lengths that are a multiple of 32 (xxHash specification, "XXH64 Algorithm Description")

const PRIME_1: u64 = 0x9e3779b185ebca87;
const PRIME_2: u64 = 0xc2b2ae3d27d4eb4f;
const PRIME_3: u64 = 0x165667b19e3779f9;
const PRIME_4: u64 = 0x85ebca77c2b2ae63;

// @ts-ignore: AssemblyScript decorator
@inline
function xxRound(lane: u64, word: u64): u64 {
  return rotl<u64>(lane + word * PRIME_2, 31) * PRIME_1;
}

// @ts-ignore: AssemblyScript decorator
@inline
function xxMerge(hash: u64, lane: u64): u64 {
  return (hash ^ xxRound(0, lane)) * PRIME_1 + PRIME_4;
}

function xxh64(at: usize, length: u32): u64 {
  let a: u64 = PRIME_1 + PRIME_2;
  let b: u64 = PRIME_2;
  let c: u64 = 0;
  let d: u64 = 0 - PRIME_1;
  const end = at + length;
  for (; at < end; at += 32) {
    a = xxRound(a, load<u64>(at));
    b = xxRound(b, load<u64>(at, 8));
    c = xxRound(c, load<u64>(at, 16));
    d = xxRound(d, load<u64>(at, 24));
  }
  let hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
  hash = xxMerge(xxMerge(xxMerge(xxMerge(hash, a), b), c), d);
  hash += length;
  hash = (hash ^ (hash >> 33)) * PRIME_2;
  hash = (hash ^ (hash >> 29)) * PRIME_3;
  return hash ^ (hash >> 32);
}

export function hashPages(count: u32, pageSize: u32): void {
  for (let i: u32 = 0; i < count; i++) store<u64>(WIDE_TABLE + (<usize>i << 3), xxh64(IN_OFFSET + <usize>i * pageSize, pageSize));
}
