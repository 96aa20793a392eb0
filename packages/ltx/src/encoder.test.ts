import { afterEach, describe, expect, test } from "vitest";
import { concat, decodeFile, encodeFile, expectBytes, samplePage } from "../test/support.js";
import { pageChecksum } from "./database-checksum.js";
import { LTXDecoder } from "./decoder.js";
import { LTXEncoder } from "./encoder.js";
import { lockPage } from "./format.js";
import type { LTXHeaderInit } from "./header.js";
import { forceJSCodec } from "./kernel.js";

afterEach(() => forceJSCodec(false));

const PAGE = 512;
const FLAG = 1n << 63n;
const SNAPSHOT: LTXHeaderInit = { pageSize: PAGE, commit: 3, minTXID: 1n, maxTXID: 1n, timestampMs: 0 };
const INCREMENT: LTXHeaderInit = { pageSize: PAGE, commit: 3000, minTXID: 2n, maxTXID: 2n, timestampMs: 0 };

function pages(pgnos: readonly number[], pageSize = PAGE): { pgno: number; data: Uint8Array }[] {
  return pgnos.map((pgno) => ({ pgno, data: samplePage(pgno, pageSize) }));
}

test("batches, single pages and page offsets write the same file", async () => {
  const pgnos = Uint32Array.from({ length: 1200 }, (_, i) => 1 + i * 2);
  const bySingles = await encodeFile(INCREMENT, pages([...pgnos]));

  const encoder = new LTXEncoder(INCREMENT);
  expect(encoder.batchPages).toBe(512);
  const parts: Uint8Array[] = [];
  for (let done = 0; done < pgnos.length; done += 500) {
    const count = Math.min(500, pgnos.length - done);
    const now = pgnos.subarray(done, done + count);
    for (const [i, pgno] of now.entries()) encoder.input.set(samplePage(pgno, PAGE), i * PAGE);
    parts.push(encoder.encodeBatch(now, count).slice());
  }
  parts.push(encoder.encodeBatch(new Uint32Array(0), 0).slice());
  parts.push(encoder.finish());
  expect(encoder.bytesWritten).toBe(bySingles.length);
  expectBytes(concat(parts), bySingles);

  const picked = new LTXEncoder(INCREMENT);
  const some = pgnos.subarray(0, 400);
  // As from a WAL: not in page order, and at offsets that are no multiple of the page size.
  const offsets = Uint32Array.from(some, (_, i) => (some.length - 1 - i) * (PAGE + 24) + 24);
  for (const [i, pgno] of some.entries()) picked.input.set(samplePage(pgno, PAGE), offsets[i]);
  const file = concat([picked.encodeBatch(some, some.length, offsets).slice(), picked.finish()]);
  expectBytes(file, await encodeFile(INCREMENT, pages([...some])));
});

describe.each(["wasm", "js"])("refusals, %s", (kind) => {
  const cases: [string, LTXHeaderInit, number[]][] = [
    ["page 0", INCREMENT, [0]],
    ["the same page twice", INCREMENT, [5, 5]],
    ["descending pages", INCREMENT, [5, 4]],
    ["a page beyond commit", INCREMENT, [3001]],
    ["a file from TXID 1 that starts at page 2", SNAPSHOT, [2]],
    ["a file from TXID 1 with a gap", SNAPSHOT, [1, 3]],
    ["a file from TXID 1 that ends early", SNAPSHOT, [1, 2]],
    ["a file from TXID 1 without pages", SNAPSHOT, []],
    ["pages in a file of an emptied database", { ...SNAPSHOT, commit: 0 }, [1]],
  ];
  test.each(cases)("%s", async (_what, header, pgnos) => {
    forceJSCodec(kind === "js");
    await expect(encodeFile(header, pages(pgnos))).rejects.toMatchObject({ code: "LTX_INVALID" });
  });
});

test("[D12] the lock page is refused, and a file that holds every page leaves it out", async () => {
  const pageSize = 65536;
  const lock = lockPage(pageSize);
  const header: LTXHeaderInit = { pageSize, commit: lock + 1, minTXID: 2n, maxTXID: 2n, timestampMs: 0 };
  await expect(encodeFile(header, pages([lock], pageSize))).rejects.toMatchObject({ code: "LTX_INVALID" });
  const file = await decodeFile(await encodeFile(header, pages([lock - 1, lock + 1], pageSize)));
  expect([...file.pages.keys()]).toEqual([lock - 1, lock + 1]);
  expectBytes(file.pages.get(lock + 1), samplePage(lock + 1, pageSize));
});

test.each([lockPage(65536) - 1, lockPage(65536), lockPage(65536) + 1])("[D12] a file from TXID 1 of %d pages around the lock page", (commit) => {
  const pageSize = 65536;
  const lock = lockPage(pageSize);
  const header: LTXHeaderInit = { pageSize, commit, minTXID: 1n, maxTXID: 9n, timestampMs: 0 };
  const encoder = new LTXEncoder(header);
  const parts: Uint8Array[] = [];
  encoder.input.fill(0);
  for (let pgno = 1; pgno <= commit; ) {
    const batch = new Uint32Array(encoder.batchPages);
    let count = 0;
    for (; count < batch.length && pgno <= commit; pgno++) if (pgno !== lock) batch[count++] = pgno;
    parts.push(encoder.encodeBatch(batch, count).slice());
  }
  const bytes = concat([...parts, encoder.finish()]);
  let last = 0;
  let count = 0;
  const decoder = new LTXDecoder();
  for (const batch of decoder.push(bytes)) {
    count += batch.count;
    last = batch.pgnos[batch.count - 1] ?? 0;
  }
  expect(decoder.finish().pageCount).toBe(count);
  expect(count).toBe(commit >= lock ? commit - 1 : commit);
  expect(last).toBe(commit === lock ? lock - 1 : commit);
});

describe("database checksums", () => {
  const tracked: LTXHeaderInit = { ...SNAPSHOT, flags: 0 };
  const database = pages([1, 2, 3]);
  const checksum = database.reduce((sum, { pgno, data }) => (sum ^ pageChecksum(pgno, data)) | FLAG, FLAG);

  function write(header: LTXHeaderInit, content: readonly { pgno: number; data: Uint8Array }[], postApply?: bigint): Uint8Array {
    const encoder = new LTXEncoder(header);
    try {
      return concat([...content.map(({ pgno, data }) => encoder.encodePage(pgno, data).slice()), encoder.finish(postApply)]);
    } finally {
      encoder.dispose();
    }
  }

  test("a file of all pages gets its own, and refuses another", async () => {
    const bytes = write(tracked, database);
    expect((await decodeFile(bytes)).summary.trailer.postApplyChecksum).toBe(checksum);
    expectBytes(write(tracked, database, checksum), bytes);
    expect(() => write(tracked, database, checksum ^ 1n)).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
  });

  test("an increment must be told", async () => {
    const header: LTXHeaderInit = { ...INCREMENT, flags: 0, preApplyChecksum: checksum };
    const bytes = write(header, pages([2]), FLAG | 5n);
    const { header: read, summary } = await decodeFile(bytes);
    expect([read.preApplyChecksum, summary.trailer.postApplyChecksum]).toEqual([checksum, FLAG | 5n]);
    expect(() => write(header, pages([2]))).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
    expect(() => write(header, pages([2]), 5n)).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
    expect(() => write(INCREMENT, pages([2]), FLAG)).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
  });

  test("of an emptied database is bit 63 alone", async () => {
    const header: LTXHeaderInit = { ...INCREMENT, commit: 0, flags: 0, preApplyChecksum: checksum };
    expect((await decodeFile(write(header, []))).summary.trailer.postApplyChecksum).toBe(FLAG);
    expect(() => write(header, [], FLAG | 1n)).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
    expect((await decodeFile(write({ ...header, flags: 2, preApplyChecksum: 0n }, []))).summary.pageCount).toBe(0);
  });
});

test("misuse is a TypeError or RangeError, and disposing is idempotent", () => {
  const encoder = new LTXEncoder(INCREMENT);
  expect(() => encoder.encodeBatch(new Uint32Array(600), 513)).toThrow(RangeError);
  expect(() => encoder.encodeBatch(new Uint32Array(1), 2)).toThrow(RangeError);
  expect(() => encoder.encodeBatch(Uint32Array.of(1), 1, Uint32Array.of(encoder.input.length))).toThrow(RangeError);
  expect(() => encoder.encodeBatch(Uint32Array.of(1), 1, new Uint32Array(0))).toThrow(RangeError);
  expect(() => encoder.encodePage(1, new Uint8Array(PAGE - 1))).toThrow(expect.objectContaining({ code: "LTX_INVALID" }));
  encoder.encodePage(1, new Uint8Array(PAGE));
  expect(() => encoder.encodeBatch(Uint32Array.of(2), 1)).toThrow(TypeError);
  encoder.dispose();
  encoder.dispose();
  expect(() => encoder.finish()).toThrow(TypeError);
  expect(() => encoder.encodePage(2, new Uint8Array(PAGE))).toThrow(TypeError);
});

test("a source that fails passes its error on", async () => {
  const boom = new Error("boom");
  await expect(
    encodeFile(
      INCREMENT,
      (function* () {
        yield* pages([1]);
        throw boom;
      })(),
    ),
  ).rejects.toBe(boom);
});
