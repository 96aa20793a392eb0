import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { writeChanges } from "../src/codec/changes.js";
import { decode, encode, merge, SPLIT_SHAPES, split } from "../src/codec/operations.js";
import { expectSameBytes } from "../src/codec/verify.js";
import { makeDatabase } from "../src/data/database.js";

const BYTES = 1_000_000;

function digest(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

test.each(["mixed", "random"] as const)("a %s database is sound, in WAL mode, and the same for the same seed", (kind) => {
  using tmp = tempDir("bench");
  for (const [name, seed] of [
    ["a", 1],
    ["b", 1],
    ["c", 2],
  ] as const)
    makeDatabase(tmp.file(name), { pageSize: 1024, bytes: BYTES, kind, seed });
  expect(digest(tmp.file("a"))).toBe(digest(tmp.file("b")));
  expect(digest(tmp.file("a"))).not.toBe(digest(tmp.file("c")));
  const db = new Database(tmp.file("a"));
  expect(db.pragma("integrity_check", { simple: true })).toBe("ok");
  expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(db.pragma("page_size", { simple: true })).toBe(1024);
  db.close();
});

test.each(SPLIT_SHAPES)("what is measured gives back the database: encode and decode, split into %s and merge", async (shape) => {
  using tmp = tempDir("bench");
  makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: BYTES, kind: "mixed", seed: 7 });
  encode(tmp.file("db"), tmp.file("whole.ltx"));
  decode(tmp.file("whole.ltx"), tmp.file("decoded"));
  expectSameBytes(tmp.file("decoded"), tmp.file("db"));
  const parts = Array.from({ length: 9 }, (_, i) => tmp.file(`part-${i}`));
  split(tmp.file("db"), parts, shape);
  await merge(tmp.file("merged.ltx"), parts);
  decode(tmp.file("merged.ltx"), tmp.file("merged"));
  expectSameBytes(tmp.file("merged"), tmp.file("db"));
  expect(() => expectSameBytes(tmp.file("merged.ltx"), tmp.file("db"))).toThrow("differ");
});

test("changes of a database: as many files as asked for, and merged the newest version of each page", async () => {
  using tmp = tempDir("bench");
  makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: BYTES, kind: "mixed", seed: 7 });
  mkdirSync(tmp.file("level"));
  const paths = writeChanges(tmp.file("db"), tmp.file("level"), { count: 12, pages: 100, seed: 3 });
  expect(paths.map((path) => basename(path))).toContain(`${"d".padStart(16, "0")}-${"d".padStart(16, "0")}.ltx`);
  await merge(tmp.file("merged.ltx"), paths);
  decode(tmp.file("merged.ltx"), tmp.file("merged"));
  decode(paths.at(-1) ?? "", tmp.file("newest"));
  const pages = (name: string): Buffer[] => {
    const bytes = readFileSync(tmp.file(name));
    return Array.from({ length: Math.ceil(bytes.length / 4096) }, (_, i) => bytes.subarray(i * 4096, (i + 1) * 4096));
  };
  const newest = pages("newest");
  const merged = pages("merged");
  const written = newest.flatMap((page, i) => (page.readBigUInt64BE(0) === 13n ? [i] : []));
  expect(written.length).toBeGreaterThan(20);
  for (const i of written) expect(merged[i]?.equals(newest[i] ?? Buffer.alloc(0)), `page ${i + 1}`).toBe(true);
});
