import { describe, expect, test } from "vitest";
import type { DBStatus } from "../db/status.js";
import { allHealthy } from "./heartbeat.js";
import { heartbeatURLOf } from "./heartbeat-url.js";
import type { StoreDatabaseStatus } from "./status.js";

const KEEPING = { levels: undefined, snapshot: undefined, doing: undefined, nextAt: undefined, lastError: undefined, failures: 3, isAppendOnly: false };

function database(changes: Partial<DBStatus>, openError?: StoreDatabaseStatus["openError"]): StoreDatabaseStatus {
  const replication = {
    phase: "replicating",
    since: new Date(0),
    lagMs: 0,
    localTXID: 1n,
    remoteTXID: 1n,
    walBytes: 0,
    stagedFiles: 0,
    stagedBytes: 0,
  } as const;
  return { path: "/a.db", replication: { ...replication, ...changes }, keeping: KEEPING, openError };
}

const LOCKED = { code: "LS_LOCKED", message: "", retryable: false, at: new Date(0), nextRetryAt: undefined };

describe("[M6] a heartbeat says that every database is at its destination", () => {
  test.each<[string, StoreDatabaseStatus[], boolean]>([
    ["no database at all", [], false],
    ["with nothing to do", [database({})], true],
    ["at rest, let go of", [database({ phase: "resting" })], true],
    ["busy, behind by less than the interval", [database({ lagMs: 1000 })], true],
    ["behind by more", [database({ lagMs: 1001 })], false],
    ["one of two behind", [database({}), database({ lagMs: 5000 })], false],
    ["failing for a moment", [database({ phase: "retrying", lagMs: 10 })], true],
    ["paused for long", [database({ phase: "paused", lagMs: 5000 })], false],
    ["waited for", [database({ phase: "waiting", lagMs: undefined })], false],
    ["not attached yet", [database({ phase: "attaching", lagMs: undefined })], false],
    ["failed for good with something young missing", [database({ phase: "failed", lagMs: 10 })], false],
    ["closed", [database({ phase: "closed", lagMs: undefined })], false],
    ["could not be opened", [database({}), database({}, LOCKED)], false],
  ])("%s: %s", (_, databases, healthy) => {
    expect(allHealthy(databases, 1000)).toBe(healthy);
  });
});

describe("the URL", () => {
  test("a user in it becomes a header, because fetch refuses it", () => {
    expect(heartbeatURLOf("https://me:p%40ss@example.com/x?y=1")).toEqual({
      href: "https://example.com/x?y=1",
      headers: { Authorization: `Basic ${btoa("me:p@ss")}` },
    });
    expect(heartbeatURLOf(new URL("http://example.com"))).toEqual({ href: "http://example.com/", headers: {} });
  });

  test.each(["", "secret-token", "ftp://secret-token/", "https://", "https://secret%:token@example.com/"])("%j is refused without being quoted", (given) => {
    let message = "";
    try {
      heartbeatURLOf(given);
    } catch (error) {
      message = `${String(error)} ${JSON.stringify(error)}`;
    }
    expect(message).toContain("heartbeatURL");
    expect(message).not.toContain("secret");
  });
});
