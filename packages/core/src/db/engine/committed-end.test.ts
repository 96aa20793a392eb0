import { closeSync, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readCommittedEnd } from "./committed-end.js";

let directory = "";
let app: Database.Database;
let wal = -1;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-committed-end-"));
  app = new Database(join(directory, "app.db"));
  app.pragma("journal_mode = WAL");
  app.exec("CREATE TABLE t (v); INSERT INTO t VALUES (1)");
  wal = openSync(join(directory, "app.db-wal"), "r");
});
afterEach(() => {
  closeSync(wal);
  app.close();
  rmSync(directory, { recursive: true, force: true });
});

const readAt = (into: Uint8Array, position: number): number => readSync(wal, into, 0, into.length, position);

/** Where the application's checkpoint, by its own account, finds the end. */
function look(): { readonly frames: number; readonly backfilledFrames: number } {
  const [row] = app.pragma("wal_checkpoint(PASSIVE)") as { log: number; checkpointed: number }[];
  if (row === undefined) throw new Error("no answer");
  return { frames: row.log, backfilledFrames: row.checkpointed };
}

test("the end lies between two equal looks at the header", () => {
  const end = readCommittedEnd(readAt, look);
  expect(end.header?.pageSize).toBe(4096);
  expect(end.frames).toBeGreaterThan(0);
  expect(end.backfilled).toBe(end.frames);
});

test("a WAL that is truncated between the two looks is an empty one at the next", () => {
  let looks = 0;
  const end = readCommittedEnd(readAt, () => {
    if (++looks === 1) app.pragma("wal_checkpoint(TRUNCATE)");
    return look();
  });
  expect(looks).toBe(2);
  expect(end).toEqual({ header: undefined, frames: 0, backfilled: 0 });
});

test("a WAL that begins anew between the two looks is the new one", () => {
  const before = readCommittedEnd(readAt, look).header;
  let looks = 0;
  const { header, frames } = readCommittedEnd(readAt, () => {
    if (++looks === 1) app.exec("INSERT INTO t VALUES (2)");
    return look();
  });
  expect(looks).toBe(2);
  expect(header?.salt1).not.toBe(before?.salt1);
  expect(frames).toBe(1);
});
