import { hashPages } from "@ls/ltx";
import { describe, expect, it } from "vitest";
import { MemoryWAL } from "../../../test/memory-wal.js";
import { Slicer } from "../../concurrency/slicer.js";
import { proveByWAL } from "./wal-proof.js";

const PAGE_SIZE = 512;

function hashOf(fill: number): readonly [number, number] {
  const out = new Uint32Array(2);
  hashPages(new Uint8Array(PAGE_SIZE).fill(fill), PAGE_SIZE, 1, out);
  return [out[0] ?? 0, out[1] ?? 0];
}

/** `pages` pages, twice each. */
function twice(pages: number): MemoryWAL {
  const wal = new MemoryWAL(pages * 2, 1, PAGE_SIZE);
  for (const round of [1, 2]) for (let i = 1; i <= pages; i++) wal.add({ pgno: i, commit: i === pages ? pages : 0, fill: (i * round) & 0xff });
  return wal;
}

describe("proveByWAL", () => {
  const hashes = Array.from({ length: 256 }, (_, fill) => hashOf(fill));

  it("compares the newest version of every page, and names the one that is another", async () => {
    const pages = 3000;
    const wal = twice(pages);
    const end = { header: wal.header, frames: pages * 2, backfilled: 0 };
    const place = { salt1: 1, salt2: wal.header.salt2, frame: pages * 2 };
    const known = (pgno: number) => hashes[(pgno * 2) & 0xff];
    expect(await proveByWAL(wal.readAt, end, place, known, new Slicer())).toMatchObject({ position: { frame: pages * 2 } });
    for (const stranger of [1, 1501, pages]) {
      const differing = (pgno: number) => (pgno === stranger ? hashes[(pgno * 2 + 1) & 0xff] : known(pgno));
      expect(await proveByWAL(wal.readAt, end, place, differing, new Slicer())).toEqual({ refused: `page ${stranger} in the WAL is not the captured one` });
    }
    const unknown = (pgno: number) => (pgno === 7 ? undefined : known(pgno));
    expect(await proveByWAL(wal.readAt, end, place, unknown, new Slicer())).toHaveProperty("position");
  });

  it("keeps no object for each page", async () => {
    const pages = 200_000;
    const wal = twice(pages);
    const end = { header: wal.header, frames: pages * 2, backfilled: 0 };
    const place = { salt1: 1, salt2: wal.header.salt2, frame: pages * 2 };
    const before = process.memoryUsage();
    let after = before;
    const known = (pgno: number) => {
      if (after === before) after = process.memoryUsage();
      return hashes[(pgno * 2) & 0xff];
    };
    expect(await proveByWAL(wal.readAt, end, place, known, new Slicer())).toHaveProperty("position");
    // The table and the hashes, and while they grow their halves: 16 to 32 bytes, and 8 to 16.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(pages * 100);
    expect(after.heapUsed - before.heapUsed).toBeLessThan(pages * 40);
  });
});
