import { copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, describe, expect, it } from "vitest";
import { loadedBinary } from "../../test/native-binary.js";
import { sourceChild } from "../../test/source-child.js";
import { CopyWatch, containsAll, doublyMappedShm, isSQLiteLibrary, loadedSQLiteCopies, parseMaps } from "./loaded-copies.js";

new Database(":memory:").close();
const BINARY = loadedBinary();

describe("isSQLiteLibrary", () => {
  it.each<[string, NodeJS.Platform, boolean]>([
    ["/usr/lib/x86_64-linux-gnu/libsqlite3.so.0.8.6", "linux", true],
    ["/usr/lib/libsqlite3.so", "linux", true],
    ["/opt/homebrew/lib/libsqlite3.3.49.1.dylib", "darwin", true],
    ["/usr/lib/libsqlite3.dylib", "darwin", false],
    ["C:\\Windows\\System32\\winsqlite3.dll", "win32", true],
    ["/app/sqlite3/lib/libc.so.6", "linux", false],
    ["/app/node_modules/sqlite-vec-linux-x64/vec0.so", "linux", false],
    ["/app/crsqlite.so", "linux", false],
    ["/usr/lib/mod_spatialite.so", "linux", false],
  ])("%s on %s: %s", (path, platform, expected) => {
    expect(isSQLiteLibrary(path, platform)).toBe(expected);
  });
});

describe("containsAll", () => {
  const directory = mkdtempSync(join(tmpdir(), "ls-contains-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "file");
  const SIZE = 200_000;

  it("finds texts wherever they lie, also across two pieces, at the end, and in any order", () => {
    // Around the ends of the pieces, whatever those are: every place of a step that is shorter than the text.
    for (let at = 65_500; at < 65_600; at += 5) {
      const bytes = Buffer.alloc(SIZE);
      bytes.write("a longer text", at, "latin1");
      bytes.write("short", SIZE - 5, "latin1");
      writeFileSync(path, bytes);
      expect(containsAll(path, ["short", "a longer text"]), String(at)).toBe(true);
      expect(containsAll(path, ["short", "a longer text", "absent"]), String(at)).toBe(false);
    }
  });

  it("takes no text for whole of which the file holds the beginning", () => {
    writeFileSync(path, "a longer tex");
    expect(containsAll(path, ["a longer text"])).toBe(false);
    writeFileSync(path, "");
    expect(containsAll(path, ["a longer text"])).toBe(false);
  });
});

describe("parseMaps", () => {
  it("gives each file once, also deleted ones and names with spaces", () => {
    const text = [
      "7f00-7f01 r--p 00000000 fe:00 12 /a b/ü.node",
      "7f01-7f02 r-xp 00000000 fe:00 12 /a b/ü.node",
      "7f02-7f03 rw-p 00000000 00:00 0 [heap]",
      "7f03-7f04 r--s 00000000 fe:00 13                         /gone.node (deleted)",
      "",
    ].join("\n");
    expect(parseMaps(Buffer.from(text).toString("latin1"))).toEqual(["/a b/ü.node", "/gone.node"]);
  });
});

describe("doublyMappedShm", () => {
  const line = (offset: string, inode: number, path: string) => `7f00-7f01 rw-s ${offset} fe:00 ${inode}      ${path}`;
  it.each<[string, string[], string | undefined]>([
    ["one database in two pieces", [line("00000000", 7, "/a/b-shm"), line("00008000", 7, "/a/b-shm")], undefined],
    ["two databases", [line("00000000", 7, "/a/b-shm"), line("00000000", 8, "/a/c-shm")], undefined],
    ["a deleted one and its successor", [line("00000000", 7, "/a/b-shm (deleted)"), line("00000000", 8, "/a/b-shm")], undefined],
    ["a library in two pieces", [line("00000000", 7, "/lib/x.so"), line("00000000", 7, "/lib/x.so")], undefined],
    ["the same twice", [line("00000000", 7, "/a ü/b-shm"), line("00008000", 7, "/a ü/b-shm"), line("00000000", 7, "/a ü/b-shm")], "/a ü/b-shm"],
    ["the same twice, deleted", [line("00000000", 7, "/b-shm (deleted)"), line("00000000", 7, "/b-shm (deleted)")], "/b-shm"],
  ])("%s", (_, lines, expected) => {
    expect(doublyMappedShm(Buffer.from(`${lines.join("\n")}\n`).toString("latin1"))).toBe(expected);
  });
});

describe("loadedSQLiteCopies", () => {
  const directory = mkdtempSync(join(tmpdir(), "ls-copies-"));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it("finds the one copy of this process", () => {
    expect(loadedSQLiteCopies()).toEqual([{ path: BINARY }]);
    const watch = new CopyWatch();
    expect(watch.changed()).toEqual([{ path: BINARY }]);
    expect(watch.changed()).toBeUndefined();
  });

  // In a process of its own: a second copy cannot be unmapped again.
  it("counts a link as the same copy, and a copied file, whatever its name, as a second one", async () => {
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(BINARY, join(directory, "symlink.node"));
    try {
      linkSync(BINARY, join(directory, "hardlink.node"));
    } catch {
      // The temporary directory is another file system.
      symlinkSync(BINARY, join(directory, "hardlink.node"));
    }
    copyFileSync(BINARY, join(directory, "renamed-by-a-bundler.node"));
    const child = sourceChild(
      { copies: join(import.meta.dirname, "loaded-copies.ts") },
      `const { loadedSQLiteCopies, CopyWatch } = copies;
      const Database = require("better-sqlite3");
      const open = (name) => new Database(":memory:", name && { nativeBinding: data + "/" + name }).close();
      const seen = [loadedSQLiteCopies().length];
      open();
      seen.push(loadedSQLiteCopies().length);
      open("symlink.node");
      open("hardlink.node");
      seen.push(loadedSQLiteCopies().length);
      const watch = new CopyWatch();
      seen.push(watch.changed().length, watch.changed() === undefined);
      open("renamed-by-a-bundler.node");
      seen.push(watch.changed().length, watch.changed() === undefined);
      say(seen);`,
      directory,
    );
    expect(await child.next()).toEqual([0, 1, 1, 1, true, 2, true]);
    expect(await child.exited).toBe(0);
  });
});
