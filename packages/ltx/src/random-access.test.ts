import { expect, test } from "vitest";
import { concat, encodeFile, expectBytes, samplePage } from "../test/support.js";
import { LTX_HEADER_SIZE, LTX_TRAILER_SIZE } from "./format.js";
import type { LTXHeaderInit } from "./header.js";
import { PageIndexBuilder, PageIndexDigest } from "./index-builder.js";
import { decodePageFrame, type LTXPageIndex, readPageIndex } from "./random-access.js";

const HEADER: LTXHeaderInit = { pageSize: 1024, commit: 900, minTXID: 2n, maxTXID: 2n, timestampMs: 0 };
const PGNOS = Array.from({ length: 300 }, (_, i) => 1 + i * 3);

function indexOf(bytes: Uint8Array): Promise<LTXPageIndex> {
  return readPageIndex(async (offset, size) => bytes.subarray(offset, offset + size), bytes.length);
}

test("finds and decodes every page by two small reads and one more per page", async () => {
  const bytes = await encodeFile(
    HEADER,
    PGNOS.map((pgno) => ({ pgno, data: samplePage(pgno, 1024) })),
  );
  const reads: number[] = [];
  const index = await readPageIndex(async (offset, size) => {
    reads.push(size);
    return bytes.subarray(offset, offset + size);
  }, bytes.length);
  expect(reads.length).toBe(2);
  expect(reads[0]).toBe(24);
  expect(index.length).toBe(300);
  expect([...index].map((entry) => entry.pgno)).toEqual(PGNOS);
  for (const pgno of [1, 4, 448, 898]) {
    const entry = index.find(pgno);
    if (entry === undefined) throw new Error(`page ${pgno} not found`);
    const page = decodePageFrame(bytes.subarray(entry.offset, entry.offset + entry.size), 1024);
    expect(page.pgno).toBe(pgno);
    expectBytes(page.data, samplePage(pgno, 1024));
  }
  for (const pgno of [0, 2, 899, 900, 4_000_000_000]) expect(index.find(pgno)).toBeUndefined();
  expect(() => index.at(300)).toThrow(RangeError);
});

test("a file without pages has an empty index", async () => {
  expect((await indexOf(await encodeFile(HEADER, []))).length).toBe(0);
});

test("cut off or changed at any byte of index and size field: an LTXError, or the same index", async () => {
  const bytes = await encodeFile(
    HEADER,
    [1, 2, 300, 900].map((pgno) => ({ pgno, data: samplePage(pgno, 1024) })),
  );
  const good = [...(await indexOf(bytes))];
  for (let size = 0; size < bytes.length; size++) {
    const cut = bytes.subarray(0, size);
    await expect(indexOf(cut)).rejects.toMatchObject({ name: "LTXError" });
    // The file was announced longer than it is.
    await expect(readPageIndex(async (offset, n) => cut.subarray(offset, offset + n), bytes.length)).rejects.toMatchObject({ code: "LTX_TRUNCATED" });
  }
  for (let at = bytes.length - 60; at < bytes.length - LTX_TRAILER_SIZE; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
      const outcome = await indexOf(flipped).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toMatchObject({ name: "LTXError" });
      else expect([...(outcome as LTXPageIndex)].map(({ offset, size }) => ({ offset, size }))).toEqual(good.map(({ offset, size }) => ({ offset, size })));
    }
  }
});

test("an absurd index size is refused before anything is read", async () => {
  const bytes = await encodeFile(HEADER, []);
  for (const [high, low] of [
    [0xffff_ffff, 0xffff_ffff],
    [0, 0xffff_ffff],
    [0, 0],
    [1, 0],
  ] as const) {
    const forged = bytes.slice();
    const view = new DataView(forged.buffer, forged.length - LTX_TRAILER_SIZE - 8);
    view.setUint32(0, high, false);
    view.setUint32(4, low, false);
    await expect(indexOf(forged)).rejects.toMatchObject({ code: "LTX_CORRUPTED" });
  }
});

test("offsets beyond 2^31, 2^32 and up to 2^53", async () => {
  // Frames of 2 GiB do not exist, but their entries can be written and read: a database of several TiB has such offsets.
  const sizes = [0x7fff_ffff, 0xffff_ffff, 0xffff_ffff, 11];
  const builder = new PageIndexBuilder();
  const digest = new PageIndexDigest();
  for (const [i, size] of sizes.entries()) {
    builder.add(i === 3 ? 0xffff_ffff : i + 1, size);
    digest.add(i === 3 ? 0xffff_ffff : i + 1, size);
  }
  const indexBytes = new Uint8Array(builder.size);
  builder.finish(indexBytes, 0);
  expect(digest.finish()).toBe(builder.size - 8);
  const fileSize = builder.frameOffset + 6 + builder.size + LTX_TRAILER_SIZE;
  const read = async (offset: number, size: number): Promise<Uint8Array> => {
    const tail = concat([indexBytes, new Uint8Array(LTX_TRAILER_SIZE)]);
    const at = offset - (fileSize - tail.length);
    return tail.subarray(at, at + size);
  };
  const index = await readPageIndex(read, fileSize);
  let offset = LTX_HEADER_SIZE;
  for (const [i, size] of sizes.entries()) {
    expect(index.at(i)).toEqual({ pgno: i === 3 ? 0xffff_ffff : i + 1, offset, size });
    offset += size;
  }
  expect(offset).toBeGreaterThan(2 ** 33);
});

test("frames: cut off, too long, unknown flags, no page", async () => {
  const bytes = await encodeFile(HEADER, [{ pgno: 5, data: samplePage(5, 1024) }]);
  const entry = (await indexOf(bytes)).at(0);
  const frame = bytes.slice(entry.offset, entry.offset + entry.size);
  for (let size = 0; size < frame.length; size++) {
    expect(() => decodePageFrame(frame.subarray(0, size), 1024)).toThrow(expect.objectContaining({ code: "LTX_TRUNCATED" }));
  }
  const codes: [Uint8Array, string][] = [
    [concat([frame, new Uint8Array(1)]), "LTX_CORRUPTED"],
    [frame.with(5, 9), "LTX_UNSUPPORTED"],
    [frame.with(3, 0), "LTX_CORRUPTED"],
    [frame.with(6, 0x7f), "LTX_CORRUPTED"],
    [frame.with(5, 0), "LTX_CORRUPTED"],
  ];
  for (const [bad, code] of codes) expect(() => decodePageFrame(bad, 1024)).toThrow(expect.objectContaining({ code }));
  expect(() => decodePageFrame(frame, 512)).toThrow(expect.objectContaining({ code: "LTX_CORRUPTED" }));
  expect(() => decodePageFrame(frame, 1000)).toThrow(RangeError);
});
