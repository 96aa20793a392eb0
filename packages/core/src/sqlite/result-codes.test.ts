import { describe, expect, it } from "vitest";
import { isBusy, sqliteErrorCode } from "./driver.js";
import { resultCodeName } from "./result-codes.js";

/** An error as node:sqlite throws it. */
function nodeError(errcode: unknown): Error {
  return Object.assign(new Error("text"), { code: "ERR_SQLITE_ERROR", errcode });
}

describe("resultCodeName", () => {
  // Numbers and names from sqlite3.h.
  it.each<[number, string | undefined]>([
    [1, "SQLITE_ERROR"],
    [5, "SQLITE_BUSY"],
    [5 | (2 << 8), "SQLITE_BUSY_SNAPSHOT"],
    [6, "SQLITE_LOCKED"],
    [8 | (5 << 8), "SQLITE_READONLY_CANTINIT"],
    [10 | (3 << 8), "SQLITE_IOERR_WRITE"],
    [10 | (18 << 8), "SQLITE_IOERR_SHMOPEN"],
    [10 | (28 << 8), "SQLITE_IOERR_AUTH"],
    [10 | (34 << 8), "SQLITE_IOERR_IN_PAGE"],
    [10 | (200 << 8), "SQLITE_IOERR"],
    [11 | (3 << 8), "SQLITE_CORRUPT_INDEX"],
    [13, "SQLITE_FULL"],
    [14 | (6 << 8), "SQLITE_CANTOPEN_SYMLINK"],
    [4 | (1 << 8), "SQLITE_ABORT"],
    [4 | (2 << 8), "SQLITE_ABORT_ROLLBACK"],
    [19 | (8 << 8), "SQLITE_CONSTRAINT_UNIQUE"],
    [26, "SQLITE_NOTADB"],
    [29, undefined],
    [101, undefined],
    [-1, undefined],
  ])("%i is %s", (code, name) => {
    expect(resultCodeName(code)).toBe(name);
  });
});

describe("sqliteErrorCode of node:sqlite's errors", () => {
  it("is the name that better-sqlite3 gives", () => {
    expect(sqliteErrorCode(nodeError(778))).toBe("SQLITE_IOERR_WRITE");
    expect(sqliteErrorCode(nodeError("5"))).toBeUndefined();
    expect(sqliteErrorCode(Object.assign(new Error(), { errcode: 5 }))).toBeUndefined();
  });

  it("tells busy from the rest", () => {
    expect([5, 5 | (1 << 8), 6, 10, 14].map((code) => isBusy(nodeError(code)))).toEqual([true, true, true, false, false]);
  });
});
