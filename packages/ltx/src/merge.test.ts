import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { chunks, collect, concat, decodeFile, encodeFile, expectBytes, samplePage } from "../test/support.js";
import { CRC64 } from "./crc64.js";
import { LTXEncoder } from "./encoder.js";
import { LTX_NO_CHECKSUM, lockPage } from "./format.js";
import type { LTXHeaderInit } from "./header.js";
import { forceJSCodec } from "./kernel.js";
import { mergeLTX } from "./merge.js";
import type { LTXMergeSource } from "./merge-input.js";
import { readPageIndex } from "./random-access.js";
import { type LTXPage, verifyLTX } from "./stream.js";

afterEach(() => forceJSCodec(false));

const PAGE = 512;

/** One file: its database size, and page number → seed of the content. */
interface Step {
  readonly commit: number;
  readonly pages: ReadonlyMap<number, number>;
}

type Database = Map<number, number>;

/** What applying a file does: write the pages, then truncate. */
function apply(database: Database, { commit, pages }: Step): Database {
  const next = new Map([...database, ...pages].filter(([pgno]) => pgno <= commit));
  return new Map([...next].sort(([a], [b]) => a - b));
}

function header(txid: bigint, commit: number): LTXHeaderInit {
  return { pageSize: PAGE, commit, minTXID: txid, maxTXID: txid, timestampMs: Number(txid) };
}

function encodeStep(step: Step, txid: bigint): Promise<Uint8Array<ArrayBuffer>> {
  const pages: LTXPage[] = [...step.pages].sort(([a], [b]) => a - b).map(([pgno, seed]) => ({ pgno, data: samplePage(seed, PAGE) }));
  return encodeFile(header(txid, step.commit), pages);
}

/**
 * Merges several times, always to the same end: with chunks that stay as they are, with chunks that are gone when the next one is asked for, in and
 * out, and with chunks that come synchronously, from all of the sources or from every other one.
 */
async function merge(files: readonly Uint8Array[], chunkSize: number): Promise<Uint8Array<ArrayBuffer>> {
  const sourcesOf: readonly ((file: Uint8Array, i: number) => LTXMergeSource)[] = [
    (file) => shortLivedChunks(file, chunkSize),
    (file) => chunksNow(file, chunkSize),
    (file, i) => (i % 2 === 0 ? chunksNow(file, chunkSize) : shortLivedChunks(file, chunkSize)),
    (file, i) => (i % 2 === 0 ? chunks(file, chunkSize) : [file]),
    (file) => nowAndLater(file, chunkSize),
  ];
  const [first, ...others] = await Promise.allSettled([
    collect(mergeLTX(files.map((file) => chunks(file, chunkSize)))),
    ...sourcesOf.map(async (sourceOf) => {
      const parts: Uint8Array[] = [];
      for await (const part of mergeLTX(files.map(sourceOf), { reuseChunks: true })) parts.push(part.slice());
      return concat(parts);
    }),
  ]);
  for (const other of others) {
    if (first.status === "rejected") expect(other).toMatchObject({ status: "rejected", reason: { code: first.reason.code } });
    else if (other.status === "rejected") throw other.reason;
    else expectBytes(other.value, first.value);
  }
  if (first.status === "rejected") throw first.reason;
  return first.value;
}

function* chunksNow(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    const copy = bytes.slice(at, at + size);
    yield copy;
    copy.fill(0xa5);
  }
}

/** Every other chunk comes synchronously. */
function nowAndLater(bytes: Uint8Array, size: number): LTXMergeSource {
  const inner = chunksNow(bytes, size);
  let isNow = false;
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        isNow = !isNow;
        return isNow ? inner.next() : Promise.resolve().then(() => inner.next());
      },
    }),
  };
}

/** Chunks that come synchronously or not, of a source that is counted. */
function counting(bytes: Uint8Array, size: number, now: boolean, count: { begun: number; open: number }): LTXMergeSource {
  const begin = (): void => {
    count.begun++;
    count.open++;
  };
  if (now) {
    return (function* () {
      begin();
      try {
        yield* chunksNow(bytes, size);
      } finally {
        count.open--;
      }
    })();
  }
  return (async function* () {
    begin();
    try {
      yield* chunks(bytes, size);
    } finally {
      count.open--;
    }
  })();
}

async function* shortLivedChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks(bytes, size)) {
    const copy = chunk.slice();
    yield copy;
    copy.fill(0xa5);
  }
}

const MAX_PAGES = 30;
const anyStep = fc.record({ commit: fc.nat(MAX_PAGES), writes: fc.array(fc.tuple(fc.integer({ min: 1, max: MAX_PAGES }), fc.nat(200)), { maxLength: 12 }) });
/** Files that write anything up to their size, and leave out anything. */
const anySteps: fc.Arbitrary<Step[]> = fc.array(
  anyStep.map(({ commit, writes }) => ({ commit, pages: new Map(writes.filter(([pgno]) => pgno <= commit)) })),
  { minLength: 1, maxLength: 9 },
);
/** Files as SQLite makes them: a page that the database grows by is written. The first one holds every page. */
const sqliteSteps: fc.Arbitrary<Step[]> = anySteps.map((steps) => {
  let size = 0;
  return steps.map(({ commit, pages }) => {
    const grown = new Map<number, number>();
    for (let pgno = size + 1; pgno <= commit; pgno++) grown.set(pgno, 300 + pgno * commit);
    size = commit;
    return { commit, pages: new Map([...grown, ...pages]) };
  });
});

async function expectMerged(bytes: Uint8Array, expected: Database, steps: readonly Step[], firstTXID: bigint): Promise<void> {
  const { header: merged, pages, summary } = await decodeFile(bytes);
  const lastTXID = firstTXID + BigInt(steps.length) - 1n;
  expect(merged).toMatchObject({ flags: LTX_NO_CHECKSUM, commit: steps.at(-1)?.commit, minTXID: firstTXID, maxTXID: lastTXID, timestampMs: Number(lastTXID) });
  expect([...pages.keys()]).toEqual([...expected.keys()]);
  for (const [pgno, seed] of expected) expectBytes(pages.get(pgno), samplePage(seed, PAGE));
  expect(summary.size).toBe(bytes.length);
}

describe.each(["wasm", "js"])("merging equals applying in order, %s", (kind) => {
  test("increments: pages of a file that a newer one cut off are gone, also when the database has grown again", async () => {
    await fc.assert(
      fc.asyncProperty(anySteps, fc.integer({ min: 1, max: 4000 }), async (steps, chunkSize) => {
        forceJSCodec(kind === "js");
        const files = await Promise.all(steps.map((step, i) => encodeStep(step, 5n + BigInt(i))));
        await expectMerged(await merge(files, chunkSize), steps.reduce(apply, new Map()), steps, 5n);
      }),
      { numRuns: 150 },
    );
  });

  test("from TXID 1, and in any grouping", async () => {
    await fc.assert(
      fc.asyncProperty(sqliteSteps, fc.nat(8), async (steps, cut) => {
        forceJSCodec(kind === "js");
        const files = await Promise.all(steps.map((step, i) => encodeStep(step, 1n + BigInt(i))));
        const expected = steps.reduce(apply, new Map());
        const bytes = await merge(files, 1000);
        await expectMerged(bytes, expected, steps, 1n);
        const parts = [files.slice(0, cut), files.slice(cut)].filter((part) => part.length > 0);
        const grouped = await merge(await Promise.all(parts.map((part) => merge(part, 777))), 333);
        expectBytes(grouped, bytes);
      }),
      { numRuns: 100 },
    );
  });
});

const GROW: Step = {
  commit: 6,
  pages: new Map([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 6],
  ]),
};
const SHRINK: Step = { commit: 2, pages: new Map([[1, 7]]) };
const REGROW: Step = {
  commit: 5,
  pages: new Map([
    [1, 8],
    [3, 9],
    [4, 10],
    [5, 11],
  ]),
};

test("[D20] grow, shrink, grow", async () => {
  const files = await Promise.all([GROW, SHRINK, REGROW].map((step, i) => encodeStep(step, BigInt(i + 1))));
  const { pages } = await decodeFile(await merge(files, 100));
  expect([...pages.keys()]).toEqual([1, 2, 3, 4, 5]);
  for (const [pgno, seed] of [
    [1, 8],
    [2, 2],
    [3, 9],
    [4, 10],
    [5, 11],
  ] as const)
    expectBytes(pages.get(pgno), samplePage(seed, PAGE));
});

test("a page that the files owe is an error where the result must hold every page", async () => {
  const holes: Step = {
    commit: 5,
    pages: new Map([
      [1, 8],
      [5, 11],
    ]),
  };
  const files = await Promise.all([GROW, SHRINK, holes].map((step, i) => encodeStep(step, BigInt(i + 1))));
  await expect(merge(files, 100)).rejects.toMatchObject({ code: "LTX_CORRUPTED" });
});

test("frames pass through byte for byte", async () => {
  const files = await Promise.all([GROW, REGROW].map((step, i) => encodeStep(step, BigInt(i + 1))));
  // Another writer's compression: one literal run, which our compressor would not choose for such a page.
  const foreign = await foreignFile(3n, 5, 2);
  const bytes = await merge([...files, foreign], 64);
  const frame = async (file: Uint8Array, pgno: number): Promise<Uint8Array> => {
    const entry = (await readPageIndex(async (offset, size) => file.subarray(offset, offset + size), file.length)).find(pgno);
    if (entry === undefined) throw new Error(`page ${pgno} is missing`);
    return file.subarray(entry.offset, entry.offset + entry.size);
  };
  expectBytes(await frame(bytes, 2), await frame(foreign, 2));
  expect((await frame(foreign, 2)).length).toBeGreaterThan(PAGE);
  expectBytes(await frame(bytes, 3), await frame(files[1] ?? new Uint8Array(), 3));
});

/** A file with one page of zeros, stored as literals. */
async function foreignFile(txid: bigint, commit: number, pgno: number): Promise<Uint8Array> {
  const literals = new Uint8Array(3 + PAGE);
  literals.set([0xf0, 255, PAGE - 15 - 255]);
  const frame = new Uint8Array(10 + literals.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, pgno, false);
  view.setUint16(4, 1, false);
  view.setUint32(6, literals.length, false);
  frame.set(literals, 10);
  const template = await encodeFile(header(txid, commit), [{ pgno, data: new Uint8Array(PAGE) }]);

  const index = Uint8Array.of(pgno, 100, (frame.length & 127) | 128, frame.length >> 7, 0, 0, 0, 0, 0, 0, 0, 0, 5);
  const tail = new Uint8Array(6 + index.length + 16);
  tail.set(index, 6);
  const crc = new CRC64().update(template.subarray(0, 100)).update(frame.subarray(0, 10)).update(new Uint8Array(PAGE)).update(tail.subarray(0, -8));
  new DataView(tail.buffer).setBigUint64(tail.length - 8, crc.digest() | (1n << 63n), false);
  return collect(
    (async function* () {
      yield template.subarray(0, 100);
      yield frame;
      yield tail;
    })(),
  );
}

describe("refuses", () => {
  const file = (minTXID: bigint, maxTXID: bigint, pageSize = PAGE): Promise<Uint8Array> =>
    encodeFile({ pageSize, commit: 1, minTXID, maxTXID, timestampMs: 0 }, [{ pgno: 1, data: new Uint8Array(pageSize) }]);

  test.each<[string, [bigint, bigint, number?][]]>([
    ["nothing", []],
    [
      "a gap",
      [
        [2n, 3n],
        [5n, 6n],
      ],
    ],
    [
      "files in reverse",
      [
        [4n, 5n],
        [2n, 3n],
      ],
    ],
    [
      "a file that adds nothing",
      [
        [2n, 5n],
        [3n, 5n],
      ],
    ],
    [
      "different page sizes",
      [
        [2n, 3n, 512],
        [4n, 5n, 1024],
      ],
    ],
  ])("%s", async (_what, ranges) => {
    const files = await Promise.all(ranges.map(([min, max, pageSize]) => file(min, max, pageSize)));
    await expect(merge(files, 1000)).rejects.toMatchObject({ code: "LTX_INVALID" });
  });

  test("not an overlap that goes further: a snapshot may end within the next file's range", async () => {
    const { header: merged } = await decodeFile(await merge([await file(1n, 5n), await file(3n, 7n)], 1000));
    expect(merged).toMatchObject({ minTXID: 1n, maxTXID: 7n });
  });
});

/** The bytes, or what the merge fails with. */
function outcomeOf(merged: AsyncIterable<Uint8Array>): Promise<unknown> {
  return collect(merged).catch((error: unknown) => error);
}

test("[D9] a page index too long to be kept, in a file that lies in one piece, is compared to its end", async () => {
  const pages = Array.from({ length: 100 }, (_, i) => ({ pgno: i + 1, data: samplePage(i, PAGE) }));
  const file = await encodeFile(header(1n, 100), pages);
  const end = file.length - 25;
  expectBytes(await collect(mergeLTX([[file]])), await merge([file], 1000));
  for (let at = end; at > end - 450; at--) {
    const damaged = file.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    expect(await outcomeOf(mergeLTX([[damaged]]))).toMatchObject({ code: "LTX_CORRUPTED", message: "the page index does not match the frames" });
  }
});

test("[D9] damage in any input is found, and every source is closed", async () => {
  const files = await Promise.all([GROW, SHRINK, REGROW].map((step, i) => encodeStep(step, BigInt(i + 1))));
  for (const [victim, file] of files.entries()) {
    for (let at = 0; at < file.length; at += 3) {
      const damaged = file.slice();
      damaged[at] = (damaged[at] ?? 0) ^ 0x21;
      const count = { begun: 0, open: 0 };
      const sources = files.map((bytes, i) => counting(i === victim ? damaged : bytes, 50, i % 2 === at % 2, count));
      const outcome = await outcomeOf(mergeLTX(sources));
      expect(count.open).toBe(0);
      // What lies in one piece is verified where it lies.
      const ofOnePiece = await outcomeOf(mergeLTX(files.map((bytes, i) => [i === victim ? damaged : bytes])));
      expect(ofOnePiece).toEqual(outcome);
      if (outcome instanceof Uint8Array) {
        // Header fields that the file checksum covers cannot differ; compressed bytes may, if they mean the same.
        await verifyLTX(chunks(damaged));
      } else {
        expect(outcome).toMatchObject({ name: "LTXError" });
      }
    }
    for (let size = 0; size < file.length; size += 7) {
      const cut = files.map((bytes, i) => (i === victim ? bytes.subarray(0, size) : bytes));
      await expect(merge(cut, 200)).rejects.toMatchObject({ code: "LTX_TRUNCATED" });
    }
    const longer = files.map((bytes, i) => (i === victim ? new Uint8Array([...bytes, 0]) : bytes));
    await expect(merge(longer, 200)).rejects.toMatchObject({ code: "LTX_CORRUPTED" });
  }
});

test("[D3] a consumer that stops early closes the sources; a source's error passes through; a signal stops", async () => {
  const files = await Promise.all([GROW, REGROW].map((step, i) => encodeStep(step, BigInt(i + 1))));
  const count = { begun: 0, open: 0 };
  const sources = files.map((bytes, i) => counting(bytes, 150, i === 0, count));
  for await (const chunk of mergeLTX(sources)) {
    expect(chunk.length).toBe(100);
    break;
  }
  expect(count).toEqual({ begun: 2, open: 0 });

  const boom = new Error("connection lost");
  const broken = (async function* () {
    yield (files[0] ?? new Uint8Array()).subarray(0, 150);
    throw boom;
  })();
  await expect(collect(mergeLTX([broken, chunks(files[1] ?? new Uint8Array())]))).rejects.toBe(boom);

  const reason = new Error("enough");
  await expect(collect(mergeLTX([chunks(files[0] ?? new Uint8Array())], { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
});

test("the time may be given, and the generator returns the summary", async () => {
  const files = await Promise.all([GROW, SHRINK].map((step, i) => encodeStep(step, BigInt(i + 1))));
  const merging = mergeLTX(
    files.map((bytes) => chunks(bytes)),
    { timestampMs: 99 },
  );
  const parts: Uint8Array[] = [];
  for (;;) {
    const next = await merging.next();
    if (next.done !== true) {
      parts.push(next.value);
      continue;
    }
    const whole = new Uint8Array(Buffer.concat(parts));
    const summary = await verifyLTX(chunks(whole));
    expect(next.value).toEqual(summary);
    expect(summary.header.timestampMs).toBe(99);
    break;
  }
});

test("pages on both sides of the lock page", async () => {
  const pageSize = 65536;
  const lock = lockPage(pageSize);
  const make = (txid: bigint, pgno: number): Promise<Uint8Array> =>
    encodeFile({ pageSize, commit: lock + 2, minTXID: txid, maxTXID: txid, timestampMs: 0 }, [{ pgno, data: samplePage(pgno, pageSize) }]);
  const { pages } = await decodeFile(await merge([await make(2n, lock + 1), await make(3n, lock - 1)], 9999));
  expect([...pages.keys()]).toEqual([lock - 1, lock + 1]);
});

test("database checksums of the inputs are verified, and their chain", async () => {
  const write = (init: Partial<LTXHeaderInit>, postApply: bigint | undefined, damage = false): Uint8Array => {
    const encoder = new LTXEncoder({ ...header(1n, 2), flags: 0, ...init });
    const bytes = Buffer.concat([
      encoder.encodePage(1, samplePage(1, PAGE)).slice(),
      encoder.encodePage(2, samplePage(2, PAGE)).slice(),
      encoder.finish(postApply),
    ]);
    if (damage) bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
    return new Uint8Array(bytes);
  };
  const FLAG = 1n << 63n;
  const first = write({}, undefined);
  const { trailer } = await verifyLTX(chunks(first));
  const next = (pre: bigint): Uint8Array => write({ minTXID: 2n, maxTXID: 2n, preApplyChecksum: pre }, FLAG | 9n);
  const merged = await decodeFile(await merge([first, next(trailer.postApplyChecksum)], 100));
  expect([merged.header.flags, merged.header.preApplyChecksum, merged.summary.trailer.postApplyChecksum]).toEqual([LTX_NO_CHECKSUM, 0n, 0n]);
  await expect(merge([first, next(FLAG | 1n)], 100)).rejects.toMatchObject({ code: "LTX_CHECKSUM_MISMATCH" });
  await expect(merge([write({}, undefined, true)], 100)).rejects.toMatchObject({ code: "LTX_CHECKSUM_MISMATCH" });
});

test("many files, more bytes than a batch", async () => {
  const pageSize = 4096;
  const files = await Promise.all(
    Array.from({ length: 40 }, (_, f) =>
      encodeFile(
        { pageSize, commit: 400, minTXID: BigInt(f + 2), maxTXID: BigInt(f + 2), timestampMs: 0 },
        Array.from({ length: 30 }, (_, i) => ({ pgno: 1 + i * 13 + (f % 13), data: samplePage(f * 100 + i, pageSize) })),
      ),
    ),
  );
  const { pages } = await decodeFile(await merge(files, 3000));
  expect(pages.size).toBe(390);
  for (const [pgno, data] of pages) {
    const f = Math.max(...[0, 13, 26, 39].map((base) => base + ((pgno - 1) % 13)).filter((candidate) => candidate < 40));
    expectBytes(data, samplePage(f * 100 + Math.floor((pgno - 1) / 13), pageSize));
  }
});
