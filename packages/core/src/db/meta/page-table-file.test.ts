import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PageTable } from "./page-table.js";
import { loadPageTable, type PageTableStamp, savePageTable } from "./page-table-file.js";

const owner = { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-table-"));
  path = join(directory, "pages");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const stamps: fc.Arbitrary<PageTableStamp> = fc.record({
  txid: u64,
  timestampMs: fc.integer({ min: 0, max: 8.64e15 }),
  identity: fc.record({ dev: u64, ino: u64 }),
  wal: fc.option(fc.record({ salt1: u32, salt2: u32, frame: u32, checksum: fc.option(fc.record({ s0: i32, s1: i32 }), { nil: undefined }) }), {
    nil: undefined,
  }),
});

function tableOf(pageSize: number, words: readonly number[]): PageTable {
  const table = new PageTable(pageSize);
  const count = Math.floor(words.length / 2);
  table.resize(count);
  table.updateRun(1, count, Uint32Array.from(words));
  return table;
}

const STAMP: PageTableStamp = { txid: 7n, timestampMs: 1, identity: { dev: 1n, ino: 2n } };

describe("page table file", () => {
  it("gives back what was saved", () => {
    fc.assert(
      fc.property(stamps, fc.constantFrom(512, 4096, 65536), fc.array(u32, { maxLength: 40 }), (stamp, pageSize, words) => {
        savePageTable(path, tableOf(pageSize, words), stamp, owner);
        const loaded = loadPageTable(path);
        if (loaded.status !== "loaded") throw new Error(loaded.status);
        expect(loaded.stamp).toEqual(stamp);
        expect(loaded.table.pageSize).toBe(pageSize);
        expect([...loaded.table.words]).toEqual(words.slice(0, words.length & ~1));
      }),
      { numRuns: 100 },
    );
    expect(readdirSync(directory)).toEqual(["pages"]);
  });

  it("is absent where there is none", () => {
    expect(loadPageTable(path)).toEqual({ status: "absent" });
  });

  it("is never trusted when it was cut or when any byte changed", () => {
    savePageTable(path, tableOf(4096, [1, 2, 3, 4, 5, 6]), STAMP, owner);
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at++) {
      const bad = Uint8Array.from(good);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      writeFileSync(path, bad);
      expect(loadPageTable(path).status).toBe("damaged");
      writeFileSync(path, good.subarray(0, at));
      expect(loadPageTable(path).status).toBe("damaged");
    }
    writeFileSync(path, Buffer.concat([good, Buffer.alloc(8)]));
    expect(loadPageTable(path).status).toBe("damaged");
  });

  it("takes no memory for a size that the file does not have", () => {
    savePageTable(path, tableOf(4096, [1, 2]), STAMP, owner);
    const lying = readFileSync(path);
    lying.writeUInt32BE(0xffff_fffe, 16);
    writeFileSync(path, lying);
    const before = process.memoryUsage().arrayBuffers;
    expect(loadPageTable(path)).toMatchObject({ status: "damaged", reason: expect.stringContaining("do not fit") });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
  });

  it("stays as it was when a new one cannot be written", () => {
    savePageTable(path, tableOf(4096, [1, 2]), STAMP, owner);
    mkdirSync(`${path}.tmp`);
    expect(() => savePageTable(path, tableOf(4096, [3, 4]), { ...STAMP, txid: 8n }, owner)).toThrow();
    expect(loadPageTable(path)).toMatchObject({ status: "loaded", stamp: { txid: 7n } });
  });
});
