import { join } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { isLSError, type LTXFileInfo } from "@ls/core/backend-kit";
import { type RestoreFileResult, type RestoreOptions, restore } from "@ls/core/restore";
import { formatTXID, parseTXID } from "@ls/ltx";
import { tempDir } from "@ls/testkit";
import { describe, expect, test } from "vitest";
import { fixturePath, namesIn, type RecordedReplica, readRecord, sha256Of } from "../src/fixture.js";

/**
 * Replicas that upstream wrote, and what its own restore made of them. Every TXID and time must give the same bytes. Where upstream refuses a time that
 * our rule answers (a time after the newest file; the time of a file itself), our rule is what is expected: architecture, "timestamp".
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

type Target = Omit<RestoreOptions, "outputPath">;

interface Outcome {
  readonly result: RestoreFileResult;
  readonly sha256: string;
}

/** Restores, or gives the error's code having seen that nothing was left. */
async function attempt(client: FileReplicaClient, target: Target): Promise<Outcome | string> {
  using dir = tempDir("fix");
  const outputPath = dir.file("out.db");
  try {
    const result = await restore(client, { outputPath, ...target });
    expect(namesIn(dir.path)).toEqual(["out.db"]);
    return { result, sha256: await sha256Of(outputPath) };
  } catch (error) {
    expect(namesIn(dir.path)).toEqual([]);
    if (!isLSError(error)) throw error;
    return error.code;
  }
}

async function allFiles(client: FileReplicaClient): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for (let level = 0; level <= 9; level++) for await (const file of client.ltxFiles(level, { accurateTimestamps: true })) files.push(file);
  return files;
}

describe.each(REPLICAS)("%s", (name) => {
  const expected = readRecord<RecordedReplica>(name, "expected.json");
  const client = new FileReplicaClient({ path: fixturePath(name, "replica") });

  test("the listing is the recorded one, with the times of the headers", async () => {
    const listed = (await allFiles(client)).map((file) => ({
      path: `ltx/${file.level}/${formatTXID(file.minTXID)}-${formatTXID(file.maxTXID)}.ltx`,
      size: file.size,
      time: file.createdAt.toISOString(),
    }));
    const recorded = expected.files
      .filter((file) => file.path.startsWith("ltx/"))
      .map(({ path, size, header_timestamp }) => ({ path, size, time: header_timestamp }));
    expect(listed).toEqual(recorded);
  });

  test("latest", async () => {
    const outcome = await attempt(client, {});
    expect(outcome).toMatchObject({
      sha256: expected.latest.sha256,
      result: { txid: parseTXID(expected.max_txid), bytes: expected.latest.bytes, damaged: [] },
    });
  });

  test("every TXID", async () => {
    expect(Object.keys(expected.txids).length).toBeGreaterThan(0);
    for (const [hex, recorded] of Object.entries(expected.txids)) {
      const outcome = await attempt(client, { txid: parseTXID(hex) });
      if (recorded.exit === 0) expect(outcome, hex).toMatchObject({ sha256: recorded.sha256, result: { bytes: recorded.bytes, pageSize: recorded.page_size } });
      else expect(outcome, hex).toBe("LS_TX_NOT_AVAILABLE");
    }
  });

  test("every time", async () => {
    const files = expected.files.filter((file) => file.path.startsWith("ltx/"));
    const newest = Math.max(...files.map((file) => file.ltx.timestamp_ms));
    for (const recorded of expected.timestamps) {
      const outcome = await attempt(client, { timestamp: new Date(recorded.at) });
      const isBeforeAll = files.every((file) => file.ltx.timestamp_ms > Date.parse(recorded.at));
      if (isBeforeAll) expect(outcome, recorded.at).toBe("LS_TX_NOT_AVAILABLE");
      else if (Date.parse(recorded.at) > newest) expect(outcome, recorded.at).toMatchObject({ sha256: expected.latest.sha256 });
      else expect(outcome, recorded.at).toMatchObject({ sha256: recorded.sha256 });
    }
  });

  test("exactly the time of a file gives that file's end", async () => {
    for (const [hex, recorded] of Object.entries(expected.txids)) {
      if (recorded.exit !== 0) continue;
      const times = expected.files.filter((file) => file.ltx?.max_txid === hex).map((file) => file.ltx.timestamp_ms);
      const time = Math.min(...times);
      const sameTime = expected.files
        .filter((file) => file.ltx?.timestamp_ms === time && expected.txids[file.ltx.max_txid]?.exit === 0)
        .map((file) => file.ltx.max_txid);
      const newest = sameTime.sort().at(-1) ?? hex;
      const outcome = await attempt(client, { timestamp: new Date(time) });
      expect(outcome, hex).toMatchObject({ sha256: expected.txids[newest]?.sha256, result: { txid: parseTXID(newest), timestamp: new Date(time) } });
    }
  });
});

test("nothing in the fixtures was changed by reading", async () => {
  for (const name of REPLICAS) {
    for (const file of readRecord<RecordedReplica>(name, "expected.json").files) {
      if (file.path.startsWith("ltx/")) expect(await sha256Of(join(fixturePath(name, "replica"), file.path))).toBe(file.sha256);
    }
  }
});
