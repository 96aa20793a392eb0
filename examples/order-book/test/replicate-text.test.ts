import { expect, it } from "vitest";
import { eventText } from "../src/replicate.js";

it("prints the pragma for a database that is not in WAL mode", () => {
  const text = eventText({ type: "phase", phase: "waiting", reason: "not-wal" }, "/data/app.db");
  expect(text).toContain("sqlite3 '/data/app.db' 'PRAGMA journal_mode = WAL'");
});

it("says why replication stopped", () => {
  const error = { code: "LS_CONFLICT", message: "another writer", retryable: false };
  expect(eventText({ type: "failed", error }, "/data/app.db")).toBe("Stopped, LS_CONFLICT: another writer");
});

it("keeps quiet about the everyday", () => {
  expect(eventText({ type: "cut", txid: 3n, sizeBytes: 100 }, "/data/app.db")).toBeUndefined();
  expect(eventText({ type: "phase", phase: "replicating" }, "/data/app.db")).toBeUndefined();
});
