import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { parseLTXFilename, parseTXID } from "@ls/ltx";
import { MemoryClient } from "@ls/testkit";
import { expect, test } from "vitest";
import { attemptRestore } from "../src/attempt.js";
import { fixturePath, type RecordedReplica, readRecord } from "../src/fixture.js";

/** A database that grows across page 16385, the lock page of 64 KiB pages, just over 1 GiB. */
test("every recorded TXID around the lock page", { timeout: 120_000 }, async () => {
  const expected = readRecord<RecordedReplica>("g-lockpage", "expected.json");
  const client = new MemoryClient();
  for (const { path } of expected.files) {
    const [, level, name] = path.split("/");
    const range = parseLTXFilename(name ?? "");
    if (range === undefined) throw new Error(`unexpected file ${path}`);
    client.put({ level: Number(level), ...range }, gunzipSync(readFileSync(fixturePath("g-lockpage", "replica", `${path}.gz`))));
  }
  const txids = Object.entries(expected.txids);
  expect(txids.length).toBe(4);
  for (const [hex, { sha256, bytes }] of txids) {
    expect(await attemptRestore(client, { txid: parseTXID(hex) }, "disk"), hex).toMatchObject({ sha256, result: { bytes }, left: ["out.db"] });
  }
});
