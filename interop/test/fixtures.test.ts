import { join } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import type { LTXFileInfo } from "@ls/core/backend-kit";
import { formatTXID, parseTXID } from "@ls/ltx";
import { describe, expect, test } from "vitest";
import { attemptRestore, forEachOverlapped } from "../src/attempt.js";
import { fixturePath, type RecordedReplica, readRecord, sha256Of } from "../src/fixture.js";

/**
 * Replicas that upstream wrote, and what its own restore made of them. Every TXID and time must give the same bytes. Where upstream refuses a time that
 * our rule answers (after the newest file; exactly the time of a file), our rule is what is expected: the newest state at or before that moment.
 */

const REPLICAS = [
  "a-basic",
  "b-page-512",
  "b-page-1024",
  "b-page-65536",
  "c-vacuum",
  "c-incremental",
  "e-upgrade",
  "h-base-l0",
  "h-base-multi",
  "j-restart",
  "j-hole-stop",
  "j-hole-kill",
];

describe.each(REPLICAS)("%s", (name) => {
  const expected = readRecord<RecordedReplica>(name, "expected.json");
  const files = expected.files.filter((file) => file.path.startsWith("ltx/"));
  const client = new FileReplicaClient({ path: fixturePath(name, "replica") });
  const database = { left: ["out.db"] };
  const notAvailable = { code: "LS_TX_NOT_AVAILABLE", left: [] };

  test("the listing is the recorded one, with the times of the headers", async () => {
    const listed: LTXFileInfo[] = [];
    for (let level = 0; level <= 9; level++) for await (const file of client.ltxFiles(level, { accurateTimestamps: true })) listed.push(file);
    expect(
      listed.map((file) => ({
        path: `ltx/${file.level}/${formatTXID(file.minTXID)}-${formatTXID(file.maxTXID)}.ltx`,
        size: file.size,
        header_timestamp: file.createdAt.toISOString(),
      })),
    ).toEqual(files.map(({ path, size, header_timestamp }) => ({ path, size, header_timestamp })));
  });

  test("latest", async () => {
    const outcome = await attemptRestore(client, {});
    expect(outcome).toMatchObject({
      ...database,
      sha256: expected.latest.sha256,
      result: { txid: parseTXID(expected.max_txid), bytes: expected.latest.bytes, damaged: [], removedSidecars: [] },
    });
  });

  test("every TXID", async () => {
    const txids = Object.entries(expected.txids);
    expect(txids.length).toBeGreaterThan(0);
    await forEachOverlapped(txids, async ([hex, recorded]) => {
      const outcome = await attemptRestore(client, { txid: parseTXID(hex) });
      const { sha256, bytes, page_size: pageSize, pages: pageCount } = recorded;
      expect(outcome, hex).toMatchObject(recorded.exit === 0 ? { ...database, sha256, result: { bytes, pageSize, pageCount } } : notAvailable);
    });
  });

  test("every time", async () => {
    const newest = Math.max(...files.map((file) => file.ltx.timestamp_ms));
    // The v0.3 half of e-upgrade is not here: only what the LTX half alone gives can be compared.
    const comparable = expected.timestamps.filter(({ side }) => side === undefined || side.includes("ltx"));
    expect(comparable.length).toBeGreaterThan(0);
    await forEachOverlapped(comparable, async (recorded) => {
      const outcome = await attemptRestore(client, { timestamp: new Date(recorded.at) });
      if (Date.parse(recorded.at) > newest) expect(outcome, recorded.at).toMatchObject({ ...database, sha256: expected.latest.sha256 });
      else expect(outcome, recorded.at).toMatchObject(recorded.exit === 0 ? { ...database, sha256: recorded.sha256 } : notAvailable);
    });
  });

  test("exactly the time of a TXID", async () => {
    const timeOf = (hex: string): number => Math.min(...files.filter((file) => file.ltx.max_txid === hex).map((file) => file.ltx.timestamp_ms));
    const restorable = Object.keys(expected.txids).filter((hex) => expected.txids[hex]?.exit === 0);
    await forEachOverlapped(restorable, async (hex) => {
      const timestamp = new Date(timeOf(hex));
      const newest = restorable.findLast((other) => timeOf(other) === timeOf(hex)) ?? hex;
      expect(await attemptRestore(client, { timestamp }), hex).toMatchObject({
        ...database,
        sha256: expected.txids[newest]?.sha256,
        result: { txid: parseTXID(newest), timestamp },
      });
    });
  });

  test("reading has changed nothing", async () => {
    for (const file of files) expect(await sha256Of(join(fixturePath(name, "replica"), file.path))).toBe(file.sha256);
  });
});
