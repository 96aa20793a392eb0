import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type FilesStamp, isFine, sameFiles, sameState, stampFiles } from "./files-stamp.js";

const directory = mkdtempSync(join(tmpdir(), "ls-stamp-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const path = join(directory, "app.db");
const wal = `${path}-wal`;
const look = (): FilesStamp => stampFiles(path, wal);
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 25));

beforeEach(async () => {
  rmSync(path, { force: true });
  writeFileSync(path, "database");
  writeFileSync(wal, "frames");
  await pause();
});

describe("what a stamp shows", () => {
  it.each<readonly [string, () => void, { files: boolean; state: boolean }]>([
    ["nothing happened", () => {}, { files: true, state: true }],
    ["the WAL grew", () => appendFileSync(wal, "x"), { files: false, state: false }],
    ["the WAL was overwritten, as long as before", () => writeFileSync(wal, "FRAMES"), { files: false, state: false }],
    ["the WAL has gone", () => rmSync(wal), { files: false, state: true }],
    ["the WAL was emptied", () => truncateSync(wal, 0), { files: false, state: true }],
    ["the WAL has gone, and the database was written", () => [rmSync(wal), writeFileSync(path, "DATABASE")], { files: false, state: false }],
    ["the database was written", () => writeFileSync(path, "DATABASE"), { files: false, state: false }],
    [
      "the database was written, and its time set back",
      () => {
        writeFileSync(path, "DATABASE");
        utimesSync(path, 1, 1);
      },
      { files: false, state: false },
    ],
    [
      "another file is in its place",
      () => {
        writeFileSync(`${path}.new`, "database");
        renameSync(`${path}.new`, path);
      },
      { files: false, state: false },
    ],
    ["the database has gone", () => rmSync(path), { files: false, state: false }],
  ])("%s", (_, change, expected) => {
    const before = look();
    change();
    const after = look();
    expect({ files: sameFiles(before, after), state: sameState(before, after) }).toEqual(expected);
  });

  it("is of use only where the file system keeps fine times", () => {
    const { database, wal: frames } = look();
    if (database === undefined || frames === undefined) throw new Error("both files are there");
    const coarse = { ...database, ctimeMs: 1_700_000_000_000 };
    expect(isFine({ database, wal: frames })).toBe(true);
    expect(isFine({ database: coarse, wal: frames })).toBe(false);
    expect(isFine({ database, wal: { ...frames, ctimeMs: 1_700_000_000_123 } })).toBe(false);
    expect(isFine({ database: coarse, wal: undefined })).toBe(false);
    expect(isFine({ database: undefined, wal: undefined })).toBe(false);
  });

  it("an empty WAL is as good as none", () => {
    writeFileSync(wal, "");
    const before = look();
    rmSync(wal);
    expect(sameFiles(before, look())).toBe(true);
    writeFileSync(wal, "f");
    expect(sameState(before, look())).toBe(false);
  });
});
