import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { expectBytes, randomSource, samplePage } from "../test/support.js";
import { Arena, BATCH_BYTES, IN_OFFSET, IN_SIZE, KERNEL_DATA_END, type Kernel, MEMORY_SIZE, OUT_OFFSET, OUT_SIZE, TABLE_ENTRIES, WIDE_TABLE } from "./arena.js";
import { crcReset, crcShift } from "./crc64.js";
import { FRAME_HEADER_SIZE, LTX_HEADER_SIZE, maxBlockSize } from "./format.js";
import { JSKernel } from "./js-kernel.js";
import { KERNEL_BASE64 } from "./kernel.generated.js";
import { codecKind, createKernel, forceJSCodec, kernelGeneration, setKernelModule } from "./kernel.js";
import { hashLog } from "./lz4-block.js";

afterEach(() => forceJSCodec(false));

const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];

function pair(): { wasm: Arena; js: Arena } {
  expect(codecKind()).toBe("wasm");
  return { wasm: new Arena(createKernel(), 0), js: new Arena(new JSKernel(), 0) };
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** What one implementation leaves behind, as far as it is defined. */
function outcome(arena: Arena, returned: number, bytes: number, frames: number): unknown {
  return {
    returned,
    register: [...arena.register],
    pgnos: [...arena.pgnos.subarray(0, frames)],
    sizes: [...arena.sizes.subarray(0, frames)],
    bytes: digest(arena.bytes.subarray(OUT_OFFSET, OUT_OFFSET + bytes)),
  };
}

const isUntouched = (byte: number): boolean => byte === 0xaa;

function fill(arena: Arena, pageSize: number, count: number, seed: number): void {
  crcReset(arena.register);
  for (let i = 0; i < count; i++) {
    // The slots in reverse: pages need not lie in the order of their numbers.
    const offset = IN_OFFSET + (count - 1 - i) * pageSize;
    arena.bytes.set(samplePage(seed + i, pageSize), offset);
    arena.offsets[i] = offset;
    arena.pgnos[i] = 3 + i * 7;
  }
}

test("the layout leaves room for the largest batch of every page size", () => {
  expect(WIDE_TABLE + TABLE_ENTRIES * 8).toBeLessThanOrEqual(IN_OFFSET);
  expect(OUT_OFFSET + OUT_SIZE + 32).toBeLessThanOrEqual(MEMORY_SIZE);
  for (const pageSize of PAGE_SIZES) {
    const pages = Math.max(1, BATCH_BYTES / pageSize);
    expect(LTX_HEADER_SIZE + pages * (FRAME_HEADER_SIZE + maxBlockSize(pageSize))).toBeLessThanOrEqual(OUT_SIZE);
    expect(pages).toBeLessThanOrEqual(TABLE_ENTRIES);
    expect(2 * pages * pageSize).toBeLessThanOrEqual(IN_SIZE);
  }
});

test.each(PAGE_SIZES)("WebAssembly and JavaScript write and read the same bytes, pages of %d", (pageSize) => {
  const { wasm, js } = pair();
  const count = Math.max(1, BATCH_BYTES / pageSize);
  for (let seed = 0; seed < 3; seed++) {
    const results = [wasm, js].map((arena) => {
      fill(arena, pageSize, count, seed * 1000);
      const written = arena.kernel.encodePages(count, pageSize, OUT_OFFSET, hashLog(pageSize));
      return outcome(arena, written, written, count);
    });
    expect(results[1]).toEqual(results[0]);
    const decoded = [wasm, js].map((arena) => {
      const length = arena.sizes.subarray(0, count).reduce((sum, size) => sum + size, 0);
      arena.bytes.copyWithin(IN_OFFSET, OUT_OFFSET, OUT_OFFSET + length);
      arena.bytes.fill(0xaa, OUT_OFFSET, OUT_OFFSET + OUT_SIZE);
      crcReset(arena.register);
      // Also with the last frame cut off by one byte.
      const cut = arena.kernel.decodeFrames(IN_OFFSET, length - 1, pageSize, count);
      expect([cut, ...arena.result.subarray(0, 2)]).toEqual([0, length - (arena.sizes[count - 1] ?? 0), count - 1]);
      crcReset(arena.register);
      const status = arena.kernel.decodeFrames(IN_OFFSET, length, pageSize, count);
      expect([...arena.result.subarray(0, 2)]).toEqual([length, count]);
      for (let i = 0; i < count; i++) {
        const page = OUT_OFFSET + i * pageSize;
        expectBytes(arena.bytes.subarray(page, page + pageSize), samplePage(seed * 1000 + i, pageSize));
      }
      expect(arena.bytes.subarray(OUT_OFFSET + count * pageSize + 32, OUT_OFFSET + OUT_SIZE).every(isUntouched)).toBe(true);
      return outcome(arena, status, count * pageSize, count);
    });
    expect(decoded[1]).toEqual(decoded[0]);
  }
});

test("WebAssembly and JavaScript accept and refuse the same damaged frames", () => {
  const { wasm, js } = pair();
  const pageSize = 512;
  const random = randomSource(7);
  const statuses = new Set<number>();
  fill(wasm, pageSize, 8, 0);
  const length = wasm.kernel.encodePages(8, pageSize, OUT_OFFSET, 10);
  const good = wasm.bytes.slice(OUT_OFFSET, OUT_OFFSET + length + 6);
  good.fill(0, length);
  for (let round = 0; round < 4000; round++) {
    const damaged = good.slice();
    for (let n = random(3); n >= 0; n--) damaged[random(round % 2 === 0 ? damaged.length : 40)] = random(2) === 0 ? 0 : random(256);
    const [a, b] = [wasm, js].map((arena) => {
      arena.bytes.set(damaged, IN_OFFSET);
      crcReset(arena.register);
      const status = arena.kernel.decodeFrames(IN_OFFSET, damaged.length, pageSize, 8);
      const pages = arena.result[1] ?? 0;
      statuses.add(status);
      return { consumed: arena.result[0], state: outcome(arena, status, pages * pageSize, pages) };
    });
    expect(b).toEqual(a);
  }
  expect([...statuses].sort()).toEqual([0, 1, 2, 3, 4, 5]);
});

test("WebAssembly and JavaScript agree on a merge's checksums", () => {
  const { wasm, js } = pair();
  const pageSize = 1024;
  const random = randomSource(3);
  for (let round = 0; round < 50; round++) {
    const targets = Array.from({ length: 60 }, () => (random(4) === 0 ? random(10) : 2) * 2 + (random(5) === 0 ? 0 : 1));
    const bad = round % 10 === 9 ? random(60) : -1;
    const [a, b] = [wasm, js].map((arena) => {
      fill(arena, pageSize, 60, round * 100);
      const length = arena.kernel.encodePages(60, pageSize, OUT_OFFSET, 10);
      arena.bytes.copyWithin(IN_OFFSET, OUT_OFFSET, OUT_OFFSET + length);
      let at = IN_OFFSET;
      for (const [i, target] of targets.entries()) {
        arena.offsets[i] = at;
        arena.pgnos[i] = target;
        if (i === bad) arena.bytes.fill(0, at + FRAME_HEADER_SIZE, at + FRAME_HEADER_SIZE + 3); // a match at distance 0
        at += arena.sizes[i] ?? 0;
      }
      for (let i = 0; i < 20; i++) arena.inputRegisters[i] = i * 0x1234567;
      arena.frameShift.set([0, 1 << 31]);
      crcShift(arena.frameShift, FRAME_HEADER_SIZE + pageSize);
      crcReset(arena.register);
      const returned = arena.kernel.mergeFrames(60, pageSize);
      return bad >= 0 ? { returned } : { returned, output: [...arena.register], inputs: [...arena.inputRegisters.subarray(0, 20)] };
    });
    expect(a?.returned).toBe(bad >= 0 ? bad : 60);
    expect(b).toEqual(a);
  }
});

test("the committed kernel.wasm is the one in the module; it imports nothing and its static data end where the layout says", () => {
  const file = readFileSync(new URL("../kernel.wasm", import.meta.url));
  expect(file.toString("base64")).toBe(KERNEL_BASE64);
  const module = new WebAssembly.Module(file);
  expect(WebAssembly.Module.imports(module)).toEqual([]);
  const { dataEnd } = new WebAssembly.Instance(module).exports as { dataEnd: () => number };
  expect(dataEnd()).toBeLessThanOrEqual(KERNEL_DATA_END);
});

test("a runtime that forbids compiling falls back to JavaScript, or takes a compiled module", () => {
  const before = kernelGeneration();
  forceJSCodec(true);
  expect(codecKind()).toBe("js");
  expect(createKernel()).toBeInstanceOf(JSKernel);
  expect(kernelGeneration()).toBeGreaterThan(before);
  forceJSCodec(false);
  setKernelModule(new WebAssembly.Module(readFileSync(new URL("../kernel.wasm", import.meta.url))));
  expect(codecKind()).toBe("wasm");
  const kernel: Kernel = createKernel();
  expect(kernel).not.toBeInstanceOf(JSKernel);
  expect(kernel.memory.byteLength).toBe(MEMORY_SIZE);
});
