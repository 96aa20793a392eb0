import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryWAL } from "../../test/memory-wal.js";
import { isLSError } from "../errors.js";
import { PageMap } from "./page-map.js";
import { startOf, WALReader } from "./reader.js";

const PAGE_SIZE = 512;
const reader = new WALReader();

const transaction = fc.record({
  pages: fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 12 }),
  commit: fc.integer({ min: 1, max: 40 }),
});

describe("PageMap", () => {
  it("holds the newest version of every page, whatever the pool's size and wherever the grabs end", () => {
    fc.assert(
      fc.property(
        fc.array(transaction, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 30 }),
        fc.array(fc.boolean()),
        (transactions, slots, cuts) => {
          const wal = new MemoryWAL(20 * 12, 7, PAGE_SIZE);
          const map = new PageMap(PAGE_SIZE, slots * PAGE_SIZE);
          const model = new Map<number, number>();
          let commits: number[] = [];
          let position = startOf(wal.header);
          let startFrame = 0;

          const cut = (): void => {
            const taken = map.take();
            const commit = commits.at(-1) ?? 0;
            if (taken === undefined) {
              expect(commits).toEqual([]);
              return;
            }
            const expected = [...model.keys()].filter((pgno) => pgno <= commit).sort((a, b) => a - b);
            expect([...taken.pgnos]).toEqual(expected);
            expect(taken.commit).toBe(commit);
            expect(taken.minCommit).toBe(Math.min(...commits));
            expect(taken.range).toMatchObject({ startFrame, endFrame: position.frame, salt1: 7, salt2: 99 });
            const floor = Math.floor(commit / 2);
            const missing = Array.from({ length: commit - floor }, (_, i) => floor + 1 + i).filter((pgno) => !model.has(pgno));
            expect([...map.missingAbove(floor)]).toEqual(missing);
            const page = new Uint8Array(PAGE_SIZE);
            for (const pgno of taken.pgnos) {
              map.copyPage(pgno, page, 0, wal.readAt);
              expect(page.every((byte) => byte === model.get(pgno))).toBe(true);
            }
            expect(map.bytes).toBeLessThanOrEqual(slots * PAGE_SIZE);
            map.clear();
            model.clear();
            commits = [];
            startFrame = position.frame;
          };

          transactions.forEach(({ pages, commit }, index) => {
            pages.forEach(([pgno, fill], i) => {
              wal.add({ pgno, fill, commit: i === pages.length - 1 ? commit : 0 });
              model.set(pgno, fill);
            });
            commits.push(commit);
            position = map.grab(reader, wal.readAt, position, wal.frames).position;
            expect(position.frame).toBe(wal.frames);
            if (map.full() || cuts[index] === true) cut();
          });
          cut();
          expect(map.empty).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("stops at the first commit after the pool is full, and goes on after a cut", () => {
    const wal = new MemoryWAL(30, 1, PAGE_SIZE);
    for (let i = 1; i <= 30; i++) wal.add({ pgno: i, commit: i % 3 === 0 ? i : 0, fill: i });
    const map = new PageMap(PAGE_SIZE, 4 * PAGE_SIZE);
    const ends: number[] = [];
    let position = startOf(wal.header);
    while (position.frame < wal.frames) {
      const result = map.grab(reader, wal.readAt, position, wal.frames);
      position = result.position;
      ends.push(position.frame);
      expect(map.spilled).toBe(map.full() && map.pageCount > 4);
      map.clear();
    }
    expect(ends).toEqual([6, 12, 18, 24, 30]);
  });

  it("[A32] keeps one transaction far larger than the pool, by reference", () => {
    const pages = 5000;
    const wal = new MemoryWAL(pages, 1, PAGE_SIZE);
    for (let i = 1; i <= pages; i++) wal.add({ pgno: pages + 1 - i, commit: i === pages ? pages : 0, fill: i & 0xff });
    const map = new PageMap(PAGE_SIZE, 64 * PAGE_SIZE);
    expect(map.grab(reader, wal.readAt, startOf(wal.header), pages).position.frame).toBe(pages);
    expect(map.spilled).toBe(true);
    expect(map.bytes).toBe(64 * PAGE_SIZE);
    expect(map.take()?.pgnos.length).toBe(pages);
    const page = new Uint8Array(PAGE_SIZE + 3);
    map.copyPage(1, page, 3, wal.readAt);
    expect(page[3]).toBe(pages & 0xff);
    expect(() => map.copyPage(pages + 1, page, 0, wal.readAt)).toThrow(RangeError);
    let thrown: unknown;
    try {
      map.copyPage(1, page, 0, () => 0);
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown, "LS_INTERNAL")).toBe(true);
  });

  it("names the newest generation's range after a restart of the WAL, and the whole of an unbroken one", () => {
    const first = new MemoryWAL(4, 1, PAGE_SIZE);
    for (let i = 1; i <= 4; i++) first.add({ pgno: i, commit: 4, fill: 1 });
    const second = new MemoryWAL(2, 2, PAGE_SIZE);
    for (let i = 1; i <= 2; i++) second.add({ pgno: i, commit: 9, fill: 2 });
    const map = new PageMap(PAGE_SIZE, 1 << 20);
    const half = map.grab(reader, first.readAt, startOf(first.header), 2).position;
    map.grab(reader, first.readAt, half, 4);
    expect(map.take()?.range).toMatchObject({ salt1: 1, startFrame: 0, endFrame: 4 });
    map.grab(reader, second.readAt, startOf(second.header), 2);
    expect(map.take()).toMatchObject({ commit: 9, minCommit: 4, range: { salt1: 2, startFrame: 0, endFrame: 2 } });
    expect([...(map.take()?.pgnos ?? [])]).toEqual([1, 2, 3, 4]);
    expect([...map.missingAbove(4)]).toEqual([5, 6, 7, 8, 9]);
  });

  it("[A30] never gives the lock page away, and knows it is not missing", () => {
    const pageSize = 65536;
    const lock = 16385;
    const wal = new MemoryWAL(3, 1, pageSize);
    wal.add({ pgno: lock - 1, commit: 0, fill: 1 });
    wal.add({ pgno: lock, commit: 0, fill: 1 });
    wal.add({ pgno: lock + 1, commit: lock + 1, fill: 1 });
    const map = new PageMap(pageSize, 1 << 20);
    map.grab(reader, wal.readAt, startOf(wal.header), 3);
    expect([...(map.take()?.pgnos ?? [])]).toEqual([lock - 1, lock + 1]);
    map.clear();
    map.grab(reader, wal.readAt, startOf(wal.header), 3);
    expect([...map.missingAbove(lock - 3)]).toEqual([lock - 2]);
  });
});
