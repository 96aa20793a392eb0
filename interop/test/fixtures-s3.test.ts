import { copyFileSync, mkdirSync, readFileSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { S3ReplicaClient } from "@ls/backend-s3/client";
import { parseLTXFilename, parseTXID } from "@ls/ltx";
import { MemoryClient, type S3Server, startVersitygw, versitygwOrSkip } from "@ls/testkit";
import { expect, test } from "vitest";
import { attemptRestore, forEachOverlapped } from "../src/attempt.js";
import { fixturePath, type RecordedReplica, readRecord } from "../src/fixture.js";

/** A replica that upstream wrote to S3. Its objects go through a client whose listing, like S3's, carries the time of upload only. */

interface RecordedObject {
  /** `db/main/<level, 4 hex digits>/<file>` */
  readonly key: string;
  readonly file: string;
  readonly last_modified: string;
  readonly header_timestamp: string;
}

const expected = readRecord<Omit<RecordedReplica, "files"> & { readonly objects: readonly RecordedObject[]; readonly copied_bucket: { readonly at: string } }>(
  "d-s3",
  "expected.json",
);

function client(storedAt: (object: RecordedObject) => Date): MemoryClient {
  const memory = new MemoryClient({ listsStorageTime: true });
  for (const object of expected.objects) {
    const [level, name] = object.key.split("/").slice(-2);
    const range = parseLTXFilename(name ?? "");
    if (level === undefined || range === undefined) throw new Error(`unexpected key ${object.key}`);
    memory.put({ level: Number.parseInt(level, 16), ...range }, readFileSync(fixturePath("d-s3", object.file)), storedAt(object));
  }
  return memory;
}

const asUploaded = client((object) => new Date(object.last_modified));
const newest = Math.max(...expected.objects.map((object) => Date.parse(object.header_timestamp)));

test("latest and every TXID", async () => {
  expect(await attemptRestore(asUploaded, {})).toMatchObject({ sha256: expected.latest.sha256, result: { txid: parseTXID(expected.max_txid) } });
  await forEachOverlapped(Object.entries(expected.txids), async ([hex, recorded]) => {
    const outcome = await attemptRestore(asUploaded, { txid: parseTXID(hex) });
    expect(outcome, hex).toMatchObject(recorded.exit === 0 ? { sha256: recorded.sha256 } : { code: "LS_TX_NOT_AVAILABLE", left: [] });
  });
});

/**
 * Upstream first compares the time with the window of the upload times, in whole seconds, and refuses what lies outside. We ask the headers alone,
 * so those times give a state too, and a copied bucket, whose upload times are all new, gives the same.
 */
test.each([
  ["as uploaded", asUploaded],
  ["copied later", client(() => new Date("2027-06-01T00:00:00Z"))],
])("every time, %s", async (_, memory) => {
  const restorable = expected.objects.filter(({ key }) => expected.txids[key.slice(-20, -4)]?.exit === 0);
  const firstTime = Math.min(...restorable.map((object) => Date.parse(object.header_timestamp)));
  await forEachOverlapped(expected.timestamps, async (recorded) => {
    const at = Date.parse(recorded.at);
    const outcome = await attemptRestore(memory, { timestamp: new Date(at) });
    if (recorded.exit === 0) expect(outcome, recorded.at).toMatchObject({ sha256: recorded.sha256 });
    else if (at < firstTime) expect(outcome, recorded.at).toMatchObject({ code: "LS_TX_NOT_AVAILABLE" });
    else if (at > newest) expect(outcome, recorded.at).toMatchObject({ sha256: expected.latest.sha256 });
    else expect(outcome, recorded.at).toHaveProperty("sha256");
  });
});

test("a time that upstream refuses after the bucket was copied", async () => {
  const memory = client(() => new Date("2027-06-01T00:00:00Z"));
  const original = await attemptRestore(asUploaded, { timestamp: new Date(expected.copied_bucket.at) });
  expect(await attemptRestore(memory, { timestamp: new Date(expected.copied_bucket.at) })).toMatchObject({
    sha256: "sha256" in original ? original.sha256 : "",
  });
});

const versitygw = versitygwOrSkip();

/** The recorded objects in a real bucket, with the times of upload that are given. */
function load(server: S3Server, storedAt: (object: RecordedObject) => Date): S3ReplicaClient {
  for (const object of expected.objects) {
    const path = join(server.directory ?? "", object.key);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(fixturePath("d-s3", object.file), path);
    utimesSync(path, storedAt(object), storedAt(object));
  }
  const { endpoint, bucket, region, accessKeyId, secretAccessKey } = server;
  return new S3ReplicaClient({ bucket, path: "db/main", endpoint, region, accessKeyId, secretAccessKey });
}

test.skipIf(versitygw === undefined).each([
  ["as uploaded", (object: RecordedObject) => new Date(object.last_modified)],
  ["copied later", () => new Date("2027-06-01T00:00:00Z")],
])("from a real bucket, %s: latest, every TXID and every time", { timeout: 120_000 }, async (_, storedAt) => {
  await using server = await startVersitygw(versitygw ?? "");
  const client = load(server, storedAt);
  expect(await attemptRestore(client, {})).toMatchObject({ sha256: expected.latest.sha256 });
  await forEachOverlapped(Object.entries(expected.txids), async ([hex, recorded]) => {
    const outcome = await attemptRestore(client, { txid: parseTXID(hex) });
    expect(outcome, hex).toMatchObject(recorded.exit === 0 ? { sha256: recorded.sha256 } : { code: "LS_TX_NOT_AVAILABLE", left: [] });
  });
  await forEachOverlapped(expected.timestamps, async (recorded) => {
    const timestamp = new Date(recorded.at);
    const outcome = await attemptRestore(client, { timestamp });
    // What the same files give through the client in memory, which the tests above hold against upstream.
    const inMemory = await attemptRestore(asUploaded, { timestamp });
    expect("sha256" in outcome ? outcome.sha256 : outcome.code, recorded.at).toBe("sha256" in inMemory ? inMemory.sha256 : inMemory.code);
  });
  await client.close();
});
