import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DatabaseChecksum, decodePageFrame, forceJSCodec, LTX_NO_CHECKSUM, mergeLTX, readPageIndex, verifyLTX } from "../src/index.js";
import { chunks, collect, decodeFile, expectBytes } from "./support.js";

const directory = new URL("golden/", import.meta.url);
const read = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(new URL(name, directory)));

interface ExpectedFile {
  readonly file: string;
  readonly flags: number;
  readonly page_size: number;
  readonly commit: number;
  readonly min_txid: string;
  readonly max_txid: string;
  readonly timestamp_ms: number;
  readonly pre_apply: string;
  readonly wal_offset: number;
  readonly wal_size: number;
  readonly wal_salt1: string;
  readonly wal_salt2: string;
  readonly node_id: number;
  readonly post_apply: string;
  readonly file_checksum: string;
  readonly size: number;
  readonly index_size: number;
  readonly pgnos: readonly number[];
  readonly page_sha256?: Readonly<Record<string, string>>;
  readonly database_sha256_after?: string;
}

// Decoded by another program (Python) and checked with upstream's `ltx verify`.
const expected = JSON.parse(readFileSync(new URL("expected.json", directory), "utf8")) as { readonly files: readonly ExpectedFile[] };
const hex = (value: bigint | number, digits: number): string => value.toString(16).padStart(digits, "0");
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe.each(["wasm", "js"])("files written by upstream, %s", (kind) => {
  test("every golden file is described", () => {
    const described = expected.files.map((file) => file.file);
    expect(
      readdirSync(directory)
        .filter((name) => name.endsWith(".ltx") && !name.startsWith("legacy-"))
        .sort(),
    ).toEqual(described.sort());
  });

  test.each(expected.files.map((file) => [file.file, file] as const))("%s", async (name, file) => {
    forceJSCodec(kind === "js");
    const bytes = read(name);
    const { header, pages, summary } = await decodeFile(bytes, 100);
    expect({
      flags: header.flags,
      page_size: header.pageSize,
      commit: header.commit,
      min_txid: hex(header.minTXID, 16),
      max_txid: hex(header.maxTXID, 16),
      timestamp_ms: header.timestampMs,
      pre_apply: hex(header.preApplyChecksum, 16),
      wal_offset: header.walOffset,
      wal_size: header.walSize,
      wal_salt1: hex(header.walSalt1, 8),
      wal_salt2: hex(header.walSalt2, 8),
      node_id: Number(header.nodeID),
      post_apply: hex(summary.trailer.postApplyChecksum, 16),
      file_checksum: hex(summary.trailer.fileChecksum, 16),
      size: summary.size,
      pgnos: [...pages.keys()],
    }).toEqual({
      flags: file.flags,
      page_size: file.page_size,
      commit: file.commit,
      min_txid: file.min_txid,
      max_txid: file.max_txid,
      timestamp_ms: file.timestamp_ms,
      pre_apply: file.pre_apply,
      wal_offset: file.wal_offset,
      wal_size: file.wal_size,
      wal_salt1: file.wal_salt1,
      wal_salt2: file.wal_salt2,
      node_id: file.node_id,
      post_apply: file.post_apply,
      file_checksum: file.file_checksum,
      size: file.size,
      pgnos: file.pgnos,
    });
    for (const [pgno, hash] of Object.entries(file.page_sha256 ?? {})) {
      expect(sha256(pages.get(Number(pgno)) ?? new Uint8Array()).startsWith(hash)).toBe(true);
    }
    const index = await readPageIndex(async (offset, size) => bytes.subarray(offset, offset + size), bytes.length);
    expect([...index].map((entry) => entry.pgno)).toEqual(file.pgnos);
    for (const { pgno, offset, size } of index) {
      expect(decodePageFrame(bytes.subarray(offset, offset + size), header.pageSize)).toEqual({ pgno, data: pages.get(pgno) });
    }
  });
});

test.each(["plain", "fancy"])("database checksums of upstream (%s) hold over the chain", async (name) => {
  forceJSCodec(false);
  const first = await decodeFile(read(`checksummed-${name}-1.ltx`));
  const second = await decodeFile(read(`checksummed-${name}-2.ltx`));
  expect(second.header.preApplyChecksum).toBe(first.summary.trailer.postApplyChecksum);
  const { pageSize, commit } = second.header;
  const database = new Uint8Array(commit * pageSize);
  for (const { pages } of [first, second]) for (const [pgno, data] of pages) if (pgno <= commit) database.set(data, (pgno - 1) * pageSize);
  expect(sha256(database)).toBe(expected.files.find((file) => file.file === `checksummed-${name}-2.ltx`)?.database_sha256_after);
  const checksum = new DatabaseChecksum();
  for (let pgno = 1; pgno <= commit; pgno++) checksum.add(pgno, new DataView(database.buffer), (pgno - 1) * pageSize, pageSize);
  expect(checksum.value()).toBe(second.summary.trailer.postApplyChecksum);

  const merged = await decodeFile(await collect(mergeLTX([chunks(read(`checksummed-${name}-1.ltx`)), chunks(read(`checksummed-${name}-2.ltx`))])));
  expect(merged.header.flags).toBe(LTX_NO_CHECKSUM);
  for (const [pgno, data] of merged.pages) expectBytes(data, database.subarray((pgno - 1) * pageSize, pgno * pageSize));
  expect(merged.pages.size).toBe(commit);
});

test("our merge of level 0 holds the pages of upstream's merge", async () => {
  const level0 = expected.files.filter((file) => file.file.startsWith("L0-"));
  for (const file of expected.files.filter((candidate) => candidate.file.startsWith("L1-") || candidate.file.startsWith("L9-"))) {
    const parts = level0.filter((part) => part.min_txid >= file.min_txid && part.max_txid <= file.max_txid);
    const merged = await decodeFile(await collect(mergeLTX(parts.map((part) => chunks(read(part.file), 333)))));
    const upstream = await decodeFile(read(file.file));
    expect(merged.pages).toEqual(upstream.pages);
    expect({ ...merged.header, timestampMs: 0 }).toEqual({ ...upstream.header, timestampMs: 0, walOffset: 0, walSize: 0, walSalt1: 0, walSalt2: 0 });
  }
});

/** The page that make-legacy-frames.go.txt writes. */
function legacyPage(pgno: number, salt: number, pageSize: number, noise: boolean): Uint8Array {
  const page = new Uint8Array(pageSize);
  let x = (Math.imul(pgno, 2654435761) + salt * 40503 + 1) >>> 0;
  for (let i = 0; i < pageSize; i++) {
    x = (x ^ (x << 13)) >>> 0;
    x = (x ^ (x >>> 17)) >>> 0;
    x = (x ^ (x << 5)) >>> 0;
    if (noise || i % 97 < 13) page[i] = x;
  }
  return page;
}

describe.each(["wasm", "js"])("page frames without size prefix, %s", (kind) => {
  test.each([
    ["legacy-frames-1.ltx", 4096, 7, [1, 2, 3, 4]],
    ["legacy-frames-2.ltx", 4096, 9, [2, 5, 6]],
    ["legacy-frames-512.ltx", 512, 3, [1, 2]],
    ["legacy-frames-65536.ltx", 65536, 3, [3]],
  ] as const)("[D10] %s", async (name, pageSize, salt, pgnos) => {
    forceJSCodec(kind === "js");
    const bytes = read(name);
    for (const chunkSize of [1, 7, 65536]) {
      const { pages } = await decodeFile(bytes, chunkSize);
      expect([...pages.keys()]).toEqual(pgnos);
      for (const [pgno, data] of pages) expectBytes(data, legacyPage(pgno, salt, pageSize, pgno === pgnos.at(-1)));
    }
    const { pages } = await decodeFile(bytes);
    const index = await readPageIndex(async (offset, size) => bytes.subarray(offset, offset + size), bytes.length);
    for (const { pgno, offset, size } of index) {
      expect(decodePageFrame(bytes.subarray(offset, offset + size), pageSize)).toEqual({ pgno, data: pages.get(pgno) });
    }
  });

  test("[D10] merging re-encodes them, and only them", async () => {
    forceJSCodec(kind === "js");
    const inputs = ["legacy-frames-1.ltx", "legacy-frames-2.ltx"].map(read);
    const merged = await decodeFile(await collect(mergeLTX(inputs.map((bytes) => chunks(bytes, 1000)))));
    expect([...merged.pages.keys()]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(merged.pages.get(1)).toEqual(legacyPage(1, 7, 4096, false));
    expect(merged.pages.get(2)).toEqual(legacyPage(2, 9, 4096, false));
    expect(merged.pages.get(6)).toEqual(legacyPage(6, 9, 4096, true));
  });
});

test("truncated legacy files are reported as such", async () => {
  const bytes = read("legacy-frames-512.ltx");
  for (let size = 0; size < bytes.length; size++) {
    await expect(verifyLTX(chunks(bytes.subarray(0, size)))).rejects.toMatchObject({ code: "LTX_TRUNCATED" });
  }
});
