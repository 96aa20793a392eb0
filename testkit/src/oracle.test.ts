import { closeSync, copyFileSync, openSync, truncateSync, writeSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { contentHash, firstDifference, integrityProblem, modelOfLive } from "./oracle.js";
import { tempDir } from "./tmp.js";

/** A database whose newest rows are still in the WAL, and a plain copy of what its readers see. */
function liveAndCopy(dir: ReturnType<typeof tempDir>): { live: Database.Database; copy: string } {
  const live = new Database(dir.file("a.db"));
  live.pragma("journal_mode = WAL");
  live.exec("CREATE TABLE t(a, b); INSERT INTO t VALUES (1, 'x'), (2, zeroblob(9000))");
  live.pragma("wal_checkpoint(TRUNCATE)");
  live.exec("INSERT INTO t VALUES (3, 'only in the WAL')");
  const copy = dir.file("copy.db");
  live.exec(`VACUUM INTO '${copy}'`);
  return { live, copy };
}

describe("the page oracle", () => {
  it("sees what is only in the WAL, and names the first differing page", () => {
    using dir = tempDir();
    const { live } = liveAndCopy(dir);
    const model = modelOfLive(dir.file("a.db"));
    copyFileSync(dir.file("a.db"), dir.file("stale.db"));
    expect(firstDifference(dir.file("stale.db"), model)).toMatch(/^page \d+ of \d+ differs/);
    live.pragma("wal_checkpoint(TRUNCATE)");
    copyFileSync(dir.file("a.db"), dir.file("same.db"));
    expect(firstDifference(dir.file("same.db"), model)).toBeUndefined();
    live.close();
  });

  it("notices a file that is longer or shorter than the model", () => {
    using dir = tempDir();
    const { live, copy } = liveAndCopy(dir);
    live.close();
    const model = modelOfLive(copy);
    copyFileSync(copy, dir.file("short.db"));
    truncateSync(dir.file("short.db"), (model.pageCount - 1) * model.pageSize);
    expect(firstDifference(dir.file("short.db"), model)).toMatch(/the file has \d+ bytes/);
  });

  it("tells content apart from layout", () => {
    using dir = tempDir();
    const { live, copy } = liveAndCopy(dir);
    expect(contentHash(copy)).toBe(contentHash(dir.file("a.db")));
    live.exec("UPDATE t SET b = 'y' WHERE a = 3");
    expect(contentHash(copy)).not.toBe(contentHash(dir.file("a.db")));
    live.close();
  });

  it("finds a broken page by integrity_check", () => {
    using dir = tempDir();
    const { live, copy } = liveAndCopy(dir);
    live.close();
    expect(integrityProblem(copy)).toBeUndefined();
    const fd = openSync(copy, "r+");
    writeSync(fd, new Uint8Array(3000).fill(0xff), 0, 3000, 4096);
    closeSync(fd);
    expect(integrityProblem(copy)).toBeDefined();
  });
});
