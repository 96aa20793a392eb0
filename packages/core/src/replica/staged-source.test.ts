import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDescriptors } from "../../../../testkit/src/census.js";
import { readStagedFile } from "./staged-source.js";

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-staged-"));
  path = join(directory, "staged.ltx");
});
afterEach(() => rmSync(directory, { recursive: true }));

async function read(size: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readStagedFile(path, size)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

// Around the size up to which a file is read at once, and around a chunk.
describe.each([1, 65_535, 65_536, 65_537, 262_143, 262_144, 600_000])("a staged file of %i bytes", (size) => {
  test("is read whole", async () => {
    const bytes = Buffer.alloc(size, "staged and durable");
    writeFileSync(path, bytes);
    expect((await read(size)).equals(bytes)).toBe(true);
  });

  test.each([
    ["gone", () => rmSync(path)],
    ["one byte shorter", () => truncateSync(path, size - 1)],
    ["one byte longer", () => truncateSync(path, size + 1)],
  ])("%s is missing, and nothing stays open", async (_, damage) => {
    writeFileSync(path, new Uint8Array(size));
    damage();
    await expect(read(size)).rejects.toMatchObject({ code: "LS_LTX_MISSING" });
    expect(openDescriptors("self").filter((target) => target === path)).toEqual([]);
  });

  test("that cannot be read says so", async () => {
    path = directory;
    await expect(read(size)).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE" });
    expect(openDescriptors("self").filter((target) => target === path)).toEqual([]);
  });
});
