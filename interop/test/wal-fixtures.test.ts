import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { PageMap } from "../../packages/core/src/wal/page-map.js";
import { type ReadAt, type ScanStop, startOf, WALReader, walOffset } from "../../packages/core/src/wal/reader.js";
import { fixturePath, readRecord } from "../src/fixture.js";

/** Databases with clean and damaged WALs: what a frame parser sees in them, and the file that SQLite makes of both. */

interface RecordedWAL {
  readonly db_sha256: string;
  readonly wal: {
    readonly size: number;
    readonly frames_valid: number;
    readonly frames_committed: number;
    readonly commits: readonly { readonly frame: number; readonly end_offset: number; readonly pages: number }[];
    readonly last_commit_pages: number | null;
    readonly stop: string;
    readonly magic?: string;
    readonly page_size?: number;
    readonly sequence?: number;
    readonly salt1?: string;
    readonly salt2?: string;
  };
  readonly sqlite: { readonly after_checkpoint: { readonly sha256: string; readonly bytes: number } };
}

const { cases } = readRecord<{ cases: Readonly<Record<string, RecordedWAL>> }>("f-wal-1024", "expected.json");

const STOPS: Readonly<Record<string, ScanStop>> = {
  // The last whole frame was reached, which the scan was told to go to.
  "end of file": "limit",
  "partial frame": "limit",
  "salt mismatch": "salt",
  "frame checksum": "checksum",
};

function bytesReader(bytes: Uint8Array): ReadAt {
  return (into, position) => {
    const part = bytes.subarray(position, position + into.byteLength);
    into.set(part);
    return part.byteLength;
  };
}

test("every case is recorded", () => {
  const directories = readdirSync(fixturePath("f-wal-1024"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(directories.map((entry) => entry.name).sort()).toEqual(Object.keys(cases).sort());
});

describe.each(Object.entries(cases))("%s", (name, recorded) => {
  const wal = readFileSync(fixturePath("f-wal-1024", name, "main.db-wal"));
  const db = readFileSync(fixturePath("f-wal-1024", name, "main.db"));
  const reader = new WALReader();
  const readAt = bytesReader(wal);
  const found = reader.recover(readAt, wal.byteLength);

  test("is read frame by frame as it was written", () => {
    expect(wal.byteLength).toBe(recorded.wal.size);
    if (found === undefined) {
      expect(["no header", "header checksum"]).toContain(recorded.wal.stop);
      expect(recorded.wal.frames_committed).toBe(0);
      return;
    }
    const { header, scan } = found;
    expect(header).toMatchObject({
      pageSize: recorded.wal.page_size,
      sequence: recorded.wal.sequence,
      salt1: Number.parseInt(recorded.wal.salt1 ?? "", 16),
      salt2: Number.parseInt(recorded.wal.salt2 ?? "", 16),
      bigEndianChecksum: recorded.wal.magic === "377f0683",
    });
    expect(scan.frames).toBe(recorded.wal.frames_valid);
    expect(scan.position.frame).toBe(recorded.wal.frames_committed);
    expect(scan.commit).toBe(recorded.wal.last_commit_pages ?? 0);
    expect(scan.stop).toBe(STOPS[recorded.wal.stop]);
    const commits: unknown[] = [];
    reader.scan(readAt, startOf(header), scan.frames, {
      frame: (frame, _, pages) => {
        if (pages > 0) commits.push({ frame, end_offset: walOffset({ frame, pageSize: header.pageSize }), pages });
      },
    });
    expect(commits).toEqual(recorded.wal.commits);
  });

  test("gives the database that SQLite's checkpoint gives", () => {
    let bytes = new Uint8Array(db);
    if (found !== undefined && found.scan.commits > 0) {
      const { pageSize } = found.header;
      const map = new PageMap(pageSize, 1 << 20);
      map.grab(reader, readAt, startOf(found.header), found.scan.position.frame);
      const cut = map.take();
      bytes = new Uint8Array((cut?.commit ?? 0) * pageSize);
      bytes.set(db.subarray(0, bytes.byteLength));
      for (const pgno of cut?.pgnos ?? []) map.copyPage(pgno, bytes, (pgno - 1) * pageSize, readAt);
    }
    expect(bytes.byteLength).toBe(recorded.sqlite.after_checkpoint.bytes);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(recorded.sqlite.after_checkpoint.sha256);
  });
});
