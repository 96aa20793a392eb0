import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { databasePath } from "./database-path.js";

describe("databasePath", () => {
  it.each([
    ["app.db", resolve("app.db")],
    ["/data/app.db", "/data/app.db"],
    ["sqlite://app.db", resolve("app.db")],
    ["sqlite:///data/app.db", "/data/app.db"],
    ["SQLITE3:///data/a b%20c.db", "/data/a b%20c.db"],
    ["file:app.db", resolve("app.db")],
    ["file:./app.db", resolve("app.db")],
    ["file:///data/a%20b.db", "/data/a b.db"],
    ["file://localhost/data/app.db", "/data/app.db"],
    ["/data/50% #1?.db", "/data/50% #1?.db"],
  ])("[J5] %s is %s", (given, expected) => {
    expect(databasePath(given)).toBe(expected);
  });

  it.each([
    "",
    ":memory:",
    "file::memory:",
    "sqlite://:memory:",
    "sqlite://",
    "file:",
    "file://host/app.db",
    "file:app.db?mode=ro",
    "sqlite://a.db?x=1",
    "file:%E0%A4%A",
    "a\0b",
  ])("%j names no file", (given) => {
    expect(() => databasePath(given)).toThrow(expect.objectContaining({ code: "LS_INVALID_OPTION" }));
  });
});
