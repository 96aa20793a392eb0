import { randomBytes } from "node:crypto";
import { appendFileSync, closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ChecksumInput, updateChecksum } from "../src/wal/checksum.js";
import { FRAME_CHECKSUM1, FRAME_CHECKSUM2, FRAME_CHECKSUMMED_HEADER, frameEnd, frameSize, WAL_FRAME_HEADER_SIZE } from "../src/wal/frame.js";
import { WALReader } from "../src/wal/reader.js";
import { imageOf, openWAL, TestEngine, TestReplica, tempDirectory } from "./harness.js";

/** Appends a commit of page 1 alone that makes the database `commit` pages large. */
function appendGrowth(path: string, commit: number): void {
  const wal = readFileSync(`${path}-wal`);
  const found = new WALReader().recover((into, position) => wal.copy(into, 0, position), wal.length);
  if (found === undefined) throw new Error("there is no WAL");
  const { pageSize, salt1, salt2, frame, bigEndianChecksum, checksum } = found.scan.position;
  const input = new ChecksumInput(new Uint8Array(frameSize(pageSize)));
  const { bytes, view } = input;
  bytes.set(readFileSync(path).subarray(0, pageSize), WAL_FRAME_HEADER_SIZE);
  view.setUint32(WAL_FRAME_HEADER_SIZE + 28, commit);
  for (const [i, word] of [1, commit, salt1, salt2].entries()) view.setUint32(i * 4, word);
  const sum = { ...checksum };
  updateChecksum(sum, input, 0, FRAME_CHECKSUMMED_HEADER, bigEndianChecksum);
  updateChecksum(sum, input, WAL_FRAME_HEADER_SIZE, pageSize, bigEndianChecksum);
  view.setInt32(FRAME_CHECKSUM1, sum.s0);
  view.setInt32(FRAME_CHECKSUM2, sum.s1);
  const fd = openSync(`${path}-wal`, "r+");
  writeSync(fd, bytes, 0, bytes.length, frameEnd(frame, pageSize));
  closeSync(fd);
}

test("[A5] pages by which the database grew without a frame come from the database file", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v); INSERT INTO t VALUES (randomblob(50000))");
  app.pragma("wal_checkpoint(PASSIVE)");
  const replica = new TestReplica();
  const first = new TestEngine(path);
  await first.start();
  await replica.pull(first.settings);
  const before = Number(app.pragma("page_count", { simple: true }));
  const pageSize = Number(app.pragma("page_size", { simple: true }));
  app.close();
  // Read-only connections close last, so the WAL stays.
  await first.stop();
  appendGrowth(path, before + 7);
  rmSync(`${path}-shm`);
  appendFileSync(path, randomBytes(7 * pageSize));
  const second = new TestEngine(path);
  expect(await second.start(replica.txid)).toMatchObject({ by: "wal" });
  await second.sync();
  await replica.pull(second.settings);
  expect(replica.differences(imageOf(path))).toEqual([]);
  expect(replica.headers.at(-1)).toMatchObject({ commit: before + 7 });
  expect(second.of("staged").at(-1)?.file.pageCount).toBe(8);
  await second.stop();
});
