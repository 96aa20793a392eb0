import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { concat, decodeFile, encodeFile, expectBytes, randomSource, samplePage } from "../test/support.js";
import { CRC64 } from "./crc64.js";
import { LTXDecoder } from "./decoder.js";
import { isLTXError } from "./error.js";
import { CHECKSUM_FLAG, INDEX_SIZE_FIELD, LTX_HEADER_SIZE, LTX_TRAILER_SIZE } from "./format.js";
import type { LTXHeaderInit } from "./header.js";
import { forceJSCodec } from "./kernel.js";
import type { LTXPage } from "./stream.js";

afterEach(() => forceJSCodec(false));

/** Any valid file: its header and its pages. Contents come from seeds, so that shrinking stays quick. */
const anyFile = fc
  .record({
    pageSizeLog: fc.integer({ min: 9, max: 16 }),
    everyPage: fc.boolean(),
    spare: fc.nat(5),
    seeds: fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 24 }),
    maxTXID: fc.bigInt({ min: 3n, max: (1n << 64n) - 1n }),
    timestampMs: fc.maxSafeNat(),
    nodeID: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  })
  .map(({ pageSizeLog, everyPage, spare, seeds, ...rest }) => {
    const pageSize = 1 << pageSizeLog;
    const sorted = seeds.toSorted((a, b) => a - b);
    const pgnos = everyPage ? sorted.map((_, i) => i + 1) : sorted;
    const commit = everyPage ? pgnos.length : (pgnos.at(-1) ?? 0) + spare;
    const header: LTXHeaderInit = { ...rest, pageSize, commit, minTXID: everyPage ? 1n : rest.maxTXID - 1n };
    const pages: LTXPage[] = pgnos.map((pgno, i) => ({ pgno, data: samplePage((sorted[i] ?? 0) * 31 + pageSizeLog, pageSize) }));
    return { header, pages };
  });

test("decode is the inverse of encode, for every page size and chunk size, in both implementations", async () => {
  await fc.assert(
    fc.asyncProperty(anyFile, fc.integer({ min: 1, max: 100_000 }), fc.boolean(), async ({ header, pages }, chunkSize, swap) => {
      forceJSCodec(swap);
      const bytes = await encodeFile(header, pages);
      forceJSCodec(!swap);
      expectBytes(await encodeFile(header, pages), bytes);
      const file = await decodeFile(bytes, Math.max(chunkSize, bytes.length / 500));
      expect(file.header).toMatchObject(header);
      expect(file.summary).toMatchObject({ pageCount: pages.length, size: bytes.length });
      expect([...file.pages.keys()]).toEqual(pages.map((page) => page.pgno));
      for (const { pgno, data } of pages) expectBytes(file.pages.get(pgno), data);
    }),
    { numRuns: 60 },
  );
});

test("what is read into the decoder's input gives the same pages", async () => {
  await fc.assert(
    fc.asyncProperty(anyFile, fc.integer({ min: 1, max: 600_000 }), async ({ header, pages }, readSize) => {
      const bytes = await encodeFile(header, pages);
      const decoder = new LTXDecoder();
      const seen = new Map<number, Uint8Array>();
      for (let at = 0; at < bytes.length; ) {
        expect(decoder.input.length).toBeGreaterThanOrEqual(400 * 1024);
        // Some go through the input, some do not: both continue where the other stopped.
        const room = at % 3 === 1 ? new Uint8Array(readSize) : decoder.input.subarray(0, Math.max(readSize, bytes.length / 500));
        const part = bytes.subarray(at, at + room.length);
        room.set(part);
        for (const { pgnos, count, data } of decoder.push(room.subarray(0, part.length))) {
          for (let i = 0; i < count; i++) seen.set(pgnos[i] ?? 0, data.slice(i * header.pageSize, (i + 1) * header.pageSize));
        }
        at += part.length;
      }
      expect(decoder.finish().pageCount).toBe(pages.length);
      expect(decoder.input.length).toBe(0);
      expect([...seen.keys()]).toEqual(pages.map((page) => page.pgno));
      for (const { pgno, data } of pages) expectBytes(seen.get(pgno), data);
    }),
    { numRuns: 60 },
  );
});

const INCREMENT: LTXHeaderInit = { pageSize: 512, commit: 40, minTXID: 2n, maxTXID: 3n, timestampMs: 1 };
const PAGES: LTXPage[] = [1, 2, 7, 40].map((pgno) => ({ pgno, data: samplePage(pgno + 50, 512) }));

/** The code of the error that decoding gives, "ok" if it gives none. Anything but an LTXError fails the test. */
function codeOf(bytes: Uint8Array, chunkSize = bytes.length): string {
  const decoder = new LTXDecoder();
  try {
    for (let at = 0; at < bytes.length; at += chunkSize) for (const batch of decoder.push(bytes.subarray(at, at + chunkSize))) void batch;
    decoder.finish();
    return "ok";
  } catch (error) {
    if (isLTXError(error)) return error.code;
    throw error;
  } finally {
    decoder.dispose();
  }
}

/** Puts the right file checksum at the end of a file that was tampered with, given how its content reads uncompressed. */
function seal(logical: readonly Uint8Array[], file: Uint8Array): Uint8Array {
  const crc = new CRC64();
  for (const part of logical) crc.update(part);
  new DataView(file.buffer, file.byteOffset).setBigUint64(file.length - 8, crc.digest() | CHECKSUM_FLAG, false);
  return file;
}

describe.each(["wasm", "js"])("%s", (kind) => {
  test("[D15, Q5] a file cut off anywhere is LTX_TRUNCATED, whatever the chunks", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    expect(codeOf(bytes)).toBe("ok");
    for (let size = 0; size < bytes.length; size++) {
      expect(codeOf(bytes.subarray(0, size))).toBe("LTX_TRUNCATED");
      expect(codeOf(bytes.subarray(0, size), 13)).toBe("LTX_TRUNCATED");
    }
  });

  test("[D22] bytes after the trailer are LTX_CORRUPTED", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    for (const extra of [1, 24, 5000]) expect(codeOf(concat([bytes, new Uint8Array(extra)]), 100)).toBe("LTX_CORRUPTED");
  });

  test("every single bit flip gives an LTXError or the same pages", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        if (codeOf(flipped) !== "ok") continue;
        const { header, pages } = await decodeFile(flipped);
        expect(header).toMatchObject(INCREMENT);
        expect(pages).toEqual(new Map(PAGES.map(({ pgno, data }) => [pgno, data])));
      }
    }
  });

  test("[Q8] a page beyond commit is refused although every checksum is right", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    new DataView(bytes.buffer).setUint32(12, 39, false); // commit
    expect(codeOf(bytes)).toBe("LTX_CORRUPTED");
  });

  test("a file from TXID 1 without all pages is refused although every checksum is right", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    new DataView(bytes.buffer).setBigUint64(16, 1n, false); // minTXID
    expect(codeOf(bytes)).toBe("LTX_CORRUPTED");
    const complete = await encodeFile({ ...INCREMENT, minTXID: 1n, commit: 2 }, PAGES.slice(0, 2));
    expect(codeOf(complete)).toBe("ok");
    new DataView(complete.buffer).setUint32(12, 3, false);
    expect(codeOf(complete)).toBe("LTX_CORRUPTED");
  });

  test("a page index that does not belong to the frames is refused although the file checksum is right", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    const view = new DataView(bytes.buffer);
    const indexSize = Number(view.getBigUint64(bytes.length - LTX_TRAILER_SIZE - INDEX_SIZE_FIELD, false));
    const indexAt = bytes.length - LTX_TRAILER_SIZE - INDEX_SIZE_FIELD - indexSize;
    const logical = (file: Uint8Array): Uint8Array[] => {
      const parts = [file.subarray(0, LTX_HEADER_SIZE)];
      let at = LTX_HEADER_SIZE;
      for (const { data } of PAGES) {
        parts.push(file.subarray(at, at + 10), data);
        at += 10 + view.getUint32(at + 6, false);
      }
      return [...parts, file.subarray(at, file.length - 8)];
    };
    expectBytes(seal(logical(bytes), bytes.slice()), bytes);
    // an offset, a size, the page number of an entry, the size field
    for (const at of [indexAt + 1, indexAt + 2, indexAt + 3, bytes.length - LTX_TRAILER_SIZE - 1]) {
      const forged = bytes.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(codeOf(seal(logical(forged), forged))).toBe("LTX_CORRUPTED");
    }
  });

  test("a checksum that does not fit is LTX_CHECKSUM_MISMATCH", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(codeOf(bytes)).toBe("LTX_CHECKSUM_MISMATCH");
    const tracked = await encodeFile({ ...INCREMENT, flags: 0, minTXID: 1n, commit: 2 }, PAGES.slice(0, 2));
    expect(codeOf(tracked)).toBe("ok");
    // The post-apply checksum is part of the file checksum: make that one right again.
    tracked[tracked.length - 9] = (tracked.at(-9) ?? 0) ^ 1;
    const view = new DataView(tracked.buffer);
    const second = LTX_HEADER_SIZE + 10 + view.getUint32(LTX_HEADER_SIZE + 6, false);
    const end = second + 10 + view.getUint32(second + 6, false);
    const [a, b] = PAGES.slice(0, 2).map((page) => page.data);
    if (a === undefined || b === undefined) throw new Error("two pages expected");
    const parts = [tracked.subarray(0, LTX_HEADER_SIZE + 10), a, tracked.subarray(second, second + 10), b, tracked.subarray(end, tracked.length - 8)];
    expect(codeOf(seal(parts, tracked))).toBe("LTX_CHECKSUM_MISMATCH");
  });

  test("sizes are bounded before anything is allocated or waited for", async () => {
    forceJSCodec(kind === "js");
    const bytes = await encodeFile(INCREMENT, PAGES);
    const view = new DataView(bytes.buffer);
    for (const size of [0xffff_ffff, 0x8000_0000, 512 + 2 + 16 + 1]) {
      view.setUint32(LTX_HEADER_SIZE + 6, size, false);
      expect(codeOf(bytes)).toBe("LTX_CORRUPTED");
    }
    view.setUint16(LTX_HEADER_SIZE + 4, 3, false);
    expect(codeOf(bytes)).toBe("LTX_UNSUPPORTED");
  });
});

test("pages come as views: the next batch overwrites them", async () => {
  const count = 1100;
  const pages = Array.from({ length: count }, (_, i) => ({ pgno: i + 1, data: samplePage(i, 512) }));
  const bytes = await encodeFile({ ...INCREMENT, commit: count }, pages);
  const decoder = new LTXDecoder();
  const buffers = new Set<ArrayBufferLike>();
  let total = 0;
  for (const batch of decoder.push(bytes)) {
    buffers.add(batch.data.buffer);
    for (let i = 0; i < batch.count; i++) expectBytes(batch.data.subarray(i * 512, (i + 1) * 512), samplePage(total + i, 512));
    total += batch.count;
  }
  expect(total).toBe(count);
  expect(buffers.size).toBe(1);
  expect(decoder.header?.commit).toBe(count);
  decoder.finish();
});

test("a failed or finished decoder stays so", async () => {
  const bytes = await encodeFile(INCREMENT, PAGES);
  const failed = new LTXDecoder();
  const garbage = new Uint8Array(200);
  expect(() => [...failed.push(garbage)]).toThrow(expect.objectContaining({ code: "LTX_CORRUPTED" }));
  expect(() => [...failed.push(bytes)]).toThrow(expect.objectContaining({ code: "LTX_CORRUPTED" }));
  expect(() => failed.finish()).toThrow(expect.objectContaining({ code: "LTX_CORRUPTED" }));
  const finished = new LTXDecoder();
  for (const batch of finished.push(bytes)) void batch;
  finished.finish();
  finished.dispose();
  expect(() => finished.finish()).toThrow(TypeError);
  expect(() => [...finished.push(bytes)]).toThrow(TypeError);
});

test("a push that was not read to its end cannot be followed by anything", async () => {
  const bytes = await encodeFile(INCREMENT, PAGES);
  const decoder = new LTXDecoder();
  const batches = decoder.push(bytes);
  expect(batches.next().done).toBe(false);
  expect(() => decoder.finish()).toThrow(TypeError);
  expect(() => [...decoder.push(bytes)]).toThrow(TypeError);
  decoder.dispose();
});

test("random chunk borders change nothing", async () => {
  const random = randomSource(11);
  const pages = Array.from({ length: 300 }, (_, i) => ({ pgno: i + 1, data: samplePage(i, 1024) }));
  const bytes = await encodeFile({ ...INCREMENT, pageSize: 1024, commit: 300 }, pages);
  for (let round = 0; round < 20; round++) {
    const decoder = new LTXDecoder();
    let next = 1;
    for (let at = 0; at < bytes.length; ) {
      const size = random(3) === 0 ? random(20) : random(8000);
      for (const batch of decoder.push(bytes.subarray(at, at + size))) for (let i = 0; i < batch.count; i++) expect(batch.pgnos[i]).toBe(next++);
      at += size;
    }
    expect(decoder.finish().pageCount).toBe(300);
  }
});
