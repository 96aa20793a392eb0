import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tempDir } from "../../../../testkit/src/tmp.js";
import { isLSError } from "../errors.js";
import { LocalFiles, readDestinationIn } from "./local-files.js";
import { SPARE_BYTES } from "./range-source.js";

const tmp = tempDir();
afterAll(() => tmp[Symbol.dispose]());

test("a destination's files are read at every level; what cannot be read counts as not there", () => {
  const readLocal = readDestinationIn(tmp.path);
  for (const level of [0, 2, 9]) {
    const path = tmp.file(join("ltx", String(level), "0000000000000002-0000000000000003.ltx"));
    const range = { file: { level, minTXID: 2n, maxTXID: 3n, size: 5, createdAt: new Date(0) }, offset: 0, size: 5 };
    const buffer = Buffer.alloc(5 + SPARE_BYTES);
    expect(readLocal(range, buffer)).toBe(false);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `file${level}`);
    expect(readLocal(range, buffer)).toBe(true);
    expect(buffer.toString("latin1", 0, 5)).toBe(`file${level}`);

    rmSync(path);
    mkdirSync(path);
    expect(readLocal(range, buffer)).toBe(false);
    expect(() => new LocalFiles(tmp.path).read(range, buffer)).toThrow(expect.toSatisfy((error: unknown) => isLSError(error)));
  }
});
