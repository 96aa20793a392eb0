import { hashPages, lockPage } from "@ls/ltx";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PageTable } from "./page-table.js";

const PAGE_SIZE = 512;

function pageOf(fill: number): Uint8Array {
  return new Uint8Array(PAGE_SIZE).fill(fill);
}

function hashesOf(fills: readonly number[]): Uint32Array {
  const data = new Uint8Array(fills.length * PAGE_SIZE);
  for (const [i, fill] of fills.entries()) data.set(pageOf(fill), i * PAGE_SIZE);
  const out = new Uint32Array(fills.length * 2);
  hashPages(data, PAGE_SIZE, fills.length, out);
  return out;
}

function differences(table: PageTable, database: readonly number[]): number[] {
  const out = new Uint32Array(database.length);
  const hashes = hashesOf(database);
  const found: number[] = [];
  // In runs of five, as a scan does it.
  for (let first = 1; first <= database.length; first += 5) {
    const count = Math.min(5, database.length - first + 1);
    const n = table.differing(first, count, hashes.subarray((first - 1) * 2), out);
    found.push(...out.subarray(0, n));
  }
  return found;
}

describe("PageTable", () => {
  it("differs exactly where the database does, through updates, growth and shrinking", () => {
    const cut = fc.record({
      commit: fc.integer({ min: 1, max: 30 }),
      pages: fc.dictionary(fc.integer({ min: 1, max: 30 }).map(String), fc.integer({ min: 1, max: 255 })),
    });
    fc.assert(
      fc.property(
        fc.array(cut, { minLength: 1, maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 35 }),
        (cuts, database) => {
          const table = new PageTable(PAGE_SIZE);
          let model: (number | undefined)[] = [];
          for (const { commit, pages } of cuts) {
            const pgnos = Uint32Array.from(Object.keys(pages), Number).sort();
            table.resize(commit);
            table.update(pgnos, pgnos.length, hashesOf([...pgnos].map((pgno) => pages[String(pgno)] ?? 0)));
            model = Array.from({ length: commit }, (_, i) => pages[String(i + 1)] ?? model[i]);
            expect(table.commit).toBe(commit);
            expect(table.words.length).toBe(commit * 2);
          }
          const expected = database.map((_, i) => i + 1).filter((pgno) => model[pgno - 1] !== database[pgno - 1]);
          expect(differences(table, database)).toEqual(expected);
          expect(table.unknownPages()).toBe(model.filter((fill) => fill === undefined).length);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("is complete after a scan, and its runs stop at its size", () => {
    const table = new PageTable(PAGE_SIZE);
    table.resize(3);
    expect(table.unknownPages()).toBe(3);
    table.updateRun(2, 4, hashesOf([2, 3, 4, 5]));
    table.updateRun(4, 1, hashesOf([4]));
    table.updateRun(1, 1, hashesOf([1]));
    expect(table.unknownPages()).toBe(0);
    expect(differences(table, [1, 2, 3, 4])).toEqual([4]);
  });

  it("takes over the hashes of a destination", () => {
    const words = hashesOf([1, 2, 3]);
    const table = PageTable.from({ txid: 1n, pageSize: PAGE_SIZE, commit: 3, hashes: new BigUint64Array(words.buffer, 0, 3) });
    expect(differences(table, [1, 9, 3])).toEqual([2]);
    expect(() => PageTable.from({ txid: 1n, pageSize: PAGE_SIZE, commit: 4, hashes: new BigUint64Array(3) })).toThrow(RangeError);
  });

  it("leaves the lock page out", () => {
    const pageSize = 65536;
    const lock = lockPage(pageSize);
    const table = new PageTable(pageSize);
    table.resize(lock + 1);
    const out = new Uint32Array(3);
    expect(table.differing(lock - 1, 3, new Uint32Array([1, 1, 2, 2, 3, 3]), out)).toBe(2);
    expect([...out.subarray(0, 2)]).toEqual([lock - 1, lock + 1]);
    expect(table.unknownPages()).toBe(lock);
  });
});
