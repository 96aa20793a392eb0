import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BookWriter, batchSize, openBook } from "../src/book.js";
import { checkBook } from "../src/check.js";
import { Random } from "../src/random.js";

describe("the order book", () => {
  let db: Database.Database;

  beforeEach(() => {
    db = new Database(":memory:");
    openBook(db);
    const writer = new BookWriter(db, new Random(7));
    for (let commit = 1; commit <= 150; commit++) expect(writer.commit()).toBe(commit);
  });

  afterEach(() => {
    db.close();
  });

  it("keeps its rules after every commit", () => {
    const report = checkBook(db);
    expect(report).toMatchObject({ commits: 150, integrity: "ok", faults: [] });
    expect(report.transfers).toBeGreaterThan(150);
    expect(report.documents).toBeGreaterThan(0);
  });

  it("is gone on with where it was left", () => {
    openBook(db);
    expect(new BookWriter(db, new Random(8)).commit()).toBe(151);
    expect(checkBook(db).faults).toEqual([]);
  });

  it.each([
    ["a balance that is off by one", "UPDATE account SET balance = balance + 1 WHERE id = 3", /accounts do not agree.*|add up/],
    ["a lost commit in the middle", "DELETE FROM batch WHERE number = 75", /1 commits are missing/],
    ["a lost transfer", "DELETE FROM transfer WHERE id = (SELECT max(id) FROM transfer)", /another number of transfers/],
    ["transfers without their commit", "INSERT INTO transfer (batch, debtor, creditor, amount) VALUES (9999, 1, 1, 5)", /another number of transfers/],
    ["a damaged document", "UPDATE document SET body = body || x'00' WHERE batch = (SELECT min(batch) FROM document)", /document of commit \d+ is damaged/],
  ])("finds %s", (_, damage, fault) => {
    db.exec(damage);
    expect(checkBook(db).faults.join("\n")).toMatch(fault);
  });

  it("finds a transaction that was not finished, if it were ever visible", () => {
    const unfinished = new BookWriter(db, new Random(9)).interrupted();
    unfinished.next();
    expect(db.inTransaction).toBe(true);
    expect(checkBook(db).faults.length).toBeGreaterThanOrEqual(3);
    unfinished.return(undefined);
    db.exec("ROLLBACK");
    expect(checkBook(db).faults).toEqual([]);
  });
});

it("writes 1 to 5,000 rows a commit", () => {
  const random = new Random(1);
  const sizes = Array.from({ length: 20_000 }, () => batchSize(random));
  expect(Math.min(...sizes)).toBe(1);
  expect(Math.max(...sizes)).toBeGreaterThan(4_900);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(5_000);
});
