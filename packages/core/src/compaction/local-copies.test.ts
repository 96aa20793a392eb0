import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Random, seedOf } from "../../../../testkit/src/random.js";
import { tempDir } from "../../../../testkit/src/tmp.js";
import type { LTXFileInfo } from "../replica-client.js";
import { readLocalOf } from "./local-copies.js";
import { SPARE_BYTES } from "./range-source.js";

const seed = seedOf(Date.now() >>> 0);
const content = new Random(seed).bytes(20_000);
const tmp = tempDir();
const path = tmp.file(join("ltx", "0", "0000000000000002-0000000000000003.ltx"));
const readLocal = readLocalOf(tmp.path);
afterAll(() => tmp[Symbol.dispose]());

/** What is read of a copy with these bytes, by who takes it for a file of `fileSize`; undefined when it is not taken. */
function read(copy: Uint8Array | undefined, fileSize: number, offset: number, size: number, level = 0): Buffer | undefined {
  mkdirSync(dirname(path), { recursive: true });
  if (copy !== undefined) writeFileSync(path, copy);
  const file: LTXFileInfo = { level, minTXID: 2n, maxTXID: 3n, size: fileSize, createdAt: new Date(0) };
  const buffer = Buffer.alloc(size + SPARE_BYTES);
  return readLocal({ file, offset, size }, buffer) ? buffer.subarray(0, size) : undefined;
}

test(`a copy is taken while it has the file's size, whole and in part (seed ${seed})`, () => {
  expect(read(undefined, 20_000, 0, 20_000)).toBeUndefined();
  expect(read(content, 20_000, 0, 20_000)?.equals(content)).toBe(true);
  expect(read(content, 20_000, 7000, 5000)?.equals(content.subarray(7000, 12_000))).toBe(true);
  for (const size of [0, 1, 19_999, 20_001]) {
    const other = Buffer.concat([content, content]).subarray(0, size);
    expect([size, read(other, 20_000, 0, 20_000)]).toEqual([size, undefined]);
    expect([size, read(other, 20_000, 0, 100)]).toEqual([size, undefined]);
  }
});

test("only level 0 lies beside the database", () => {
  expect(read(content, content.length, 0, content.length, 1)).toBeUndefined();
});
