import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { decodeLTX, decodePageFrame, formatTXID, type LTXHeader, readPageIndex } from "@ls/ltx";
import { MemoryClient } from "@ls/testkit";
import { expect, test } from "vitest";
import { attemptRestore } from "../src/attempt.js";
import { fixturePath, readRecord } from "../src/fixture.js";

interface RecordedLTX {
  readonly file: string;
  readonly flags: number;
  readonly page_size: number;
  readonly commit: number;
  readonly min_txid: string;
  readonly max_txid: string;
  readonly timestamp_ms: number;
  readonly pre_apply: string;
  readonly post_apply: string;
  readonly file_checksum: string;
  readonly wal_offset: number;
  readonly wal_size: number;
  readonly wal_salt1: string;
  readonly wal_salt2: string;
  readonly node_id: number;
  readonly pages: number;
  readonly size: number;
  readonly pgnos: readonly number[];
  readonly page_sha256: Readonly<Record<string, string>>;
  readonly database_sha256_after?: string;
}

const { files } = readRecord<{ readonly files: readonly RecordedLTX[] }>("i-single-ltx", "expected.json");

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** The recordings keep the first half of each page's hash. */
function pageHash(page: Uint8Array): string {
  return createHash("sha256").update(page).digest("hex").slice(0, 32);
}

test.each(files)("$file: every field, page and index entry", async (recorded) => {
  const path = fixturePath("i-single-ltx", recorded.file);
  const hashes: Record<string, string> = {};
  let announced: LTXHeader | undefined;
  const decoding = decodeLTX(createReadStream(path, { highWaterMark: 777 }), {
    onHeader: (header) => {
      announced = header;
    },
  });
  let step = await decoding.next();
  for (; step.done !== true; step = await decoding.next()) {
    const { pgnos, count, data } = step.value;
    for (let i = 0; i < count; i++) hashes[String(pgnos[i])] = pageHash(data.subarray(i * recorded.page_size, (i + 1) * recorded.page_size));
  }
  const { header, trailer, pageCount, size } = step.value;
  expect(announced).toEqual(header);
  expect({
    flags: header.flags,
    page_size: header.pageSize,
    commit: header.commit,
    min_txid: formatTXID(header.minTXID),
    max_txid: formatTXID(header.maxTXID),
    timestamp_ms: header.timestampMs,
    pre_apply: hex(header.preApplyChecksum, 16),
    post_apply: hex(trailer.postApplyChecksum, 16),
    file_checksum: hex(trailer.fileChecksum, 16),
    wal_offset: header.walOffset,
    wal_size: header.walSize,
    wal_salt1: hex(header.walSalt1, 8),
    wal_salt2: hex(header.walSalt2, 8),
    node_id: Number(header.nodeID),
    pages: pageCount,
    size,
    pgnos: Object.keys(hashes).map(Number),
    page_sha256: hashes,
  }).toEqual(Object.fromEntries(Object.entries(recorded).filter(([key]) => !IGNORED.has(key))));

  const bytes = readFileSync(path);
  const index = await readPageIndex(async (offset, length) => bytes.subarray(offset, offset + length), bytes.length);
  for (const entry of index) {
    const page = decodePageFrame(bytes.subarray(entry.offset, entry.offset + entry.size), recorded.page_size);
    expect(page.pgno).toBe(entry.pgno);
    expect(pageHash(page.data)).toBe(recorded.page_sha256[String(entry.pgno)]);
  }
  expect(index.length).toBe(recorded.pages);
});

/** Recorded beside the contents: how the file was made, what tools said about it, where its index lies. */
const IGNORED = new Set([
  "file",
  "note",
  "sha256",
  "timestamp",
  "snapshot",
  "no_checksum",
  "index_offset",
  "index_size",
  "database_sha256_after",
  "upstream_ltx_verify",
  "upstream_ltx_list",
  "upstream_ltx_checksum",
]);

test.each(["plain", "fancy"])("[D14] two %s files that track checksums restore to the recorded database", async (kind) => {
  const client = new MemoryClient();
  const pair = files.filter((file) => file.file.startsWith(`checksummed-${kind}`));
  for (const [i, { file }] of pair.entries()) {
    const txid = BigInt(i + 1);
    client.put({ level: 0, minTXID: txid, maxTXID: txid }, readFileSync(fixturePath("i-single-ltx", file)));
  }
  expect(pair.length).toBe(2);
  for (const [i, { database_sha256_after }] of pair.entries()) {
    const outcome = await attemptRestore(client, { txid: BigInt(i + 1) });
    expect(outcome).toMatchObject({ left: ["out.db"] });
    if (database_sha256_after !== undefined) expect(outcome).toMatchObject({ sha256: database_sha256_after });
  }
});
