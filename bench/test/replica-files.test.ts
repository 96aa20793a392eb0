import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import { replicaFiles, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";
import { encode } from "../src/codec/operations.js";
import { bytesAdded, databaseBytesAt, reachOf } from "../src/common/replica-files.js";
import { makeDatabase } from "../src/data/database.js";

test("what a replica holds, and what was added to it", () => {
  using tmp = tempDir("bench");
  const replica = tmp.file("replica");
  expect(replicaFiles(replica)).toEqual([]);

  makeDatabase(tmp.file("db"), { pageSize: 4096, bytes: 100_000, kind: "random", seed: 1 });
  const at = (level: number, maxTXID: bigint): string => join(replica, "ltx", String(level), formatLTXFilename(1n, maxTXID));
  for (const level of [0, 9]) mkdirSync(join(replica, "ltx", String(level)), { recursive: true });
  encode(tmp.file("db"), at(0, 1n));
  writeFileSync(`${at(0, 2n)}.tmp`, "not complete");
  const before = replicaFiles(replica);
  expect(before.map(({ path, level, maxTXID, bytes }) => ({ path, level, maxTXID, bytes }))).toEqual([
    { path: at(0, 1n), level: 0, maxTXID: 1n, bytes: statSync(at(0, 1n)).size },
  ]);
  expect(before.map(databaseBytesAt)).toEqual([statSync(tmp.file("db")).size]);
  expect([reachOf(before, 0), reachOf(before, 9)]).toEqual([1n, 0n]);
  expect(bytesAdded(before, before)).toBe(0);

  // One more, and the first one written again under its name.
  writeFileSync(at(9, 3n), "x".repeat(1000));
  writeFileSync(tmp.file("again"), readFileSync(at(0, 1n)));
  renameSync(tmp.file("again"), at(0, 1n));
  const after = replicaFiles(replica);
  expect(reachOf(after, 9)).toBe(3n);
  expect(bytesAdded(before, after)).toBe(1000 + statSync(at(0, 1n)).size);
});
