import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { FileReplicaClient } from "@ls/backend-file/client";
import { LTXEncoder } from "@ls/ltx";
import { expect, test } from "vitest";
import { programPath } from "../src/child.js";
import { Random } from "../src/random.js";
import { tempDir } from "../src/tmp.js";

const MIB = 1024 * 1024;
const PAGE_SIZE = 4096;

/** Pages of which 40 % do not compress, every `step`-th one. */
async function* pages(txid: bigint, databaseBytes: number, step: number): AsyncGenerator<Uint8Array> {
  const commit = databaseBytes / PAGE_SIZE;
  const encoder = new LTXEncoder({ pageSize: PAGE_SIZE, commit, minTXID: txid, maxTXID: txid, timestampMs: Date.now() });
  const noise = new Random(Number(txid)).bytes(64 * 1024);
  const noiseBytes = 0.4 * PAGE_SIZE;
  const pgnos = new Uint32Array(encoder.batchPages);
  let count = 0;
  for (let pgno = 1; pgno <= commit; pgno += step) {
    const at = (pgno * 61) % (noise.length - PAGE_SIZE);
    encoder.input.fill(pgno, count * PAGE_SIZE, (count + 1) * PAGE_SIZE);
    encoder.input.set(noise.subarray(at, at + noiseBytes), count * PAGE_SIZE);
    pgnos[count++] = pgno;
    if (count < encoder.batchPages) continue;
    yield encoder.encodeBatch(pgnos, count);
    count = 0;
  }
  if (count > 0) yield encoder.encodeBatch(pgnos, count);
  yield encoder.finish();
}

interface Cost {
  readonly bytes: number;
  readonly peakRssBytes: number;
}

/** Restores a replica of a snapshot and four changes in a fresh process. */
async function costOf(databaseBytes: number): Promise<Cost> {
  using dir = tempDir("rss");
  const client = new FileReplicaClient({ path: dir.file("replica") });
  await client.writeLTXFile({ level: 9, minTXID: 1n, maxTXID: 1n }, pages(1n, databaseBytes, 1));
  for (let txid = 2n; txid <= 5n; txid++) await client.writeLTXFile({ level: 0, minTXID: txid, maxTXID: txid }, pages(txid, databaseBytes, 50));
  const args = [programPath("restore-once"), pathToFileURL(client.path).href, dir.file("out.db")];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  rmSync(dir.file("out.db"));
  // `as`: the program prints exactly this.
  return JSON.parse(stdout) as Cost;
}

test("peak memory of a restore does not depend on the size of the database", { timeout: 120_000 }, async () => {
  const small = await costOf(256 * MIB);
  const large = await costOf(1024 * MIB);
  expect([small.bytes, large.bytes]).toEqual([256 * MIB, 1024 * MIB]);
  expect(large.peakRssBytes).toBeLessThan(120 * MIB);
  expect(Math.abs(large.peakRssBytes - small.peakRssBytes)).toBeLessThan(15 * MIB);
});
