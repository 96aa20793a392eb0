import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MetaDirectory } from "../meta/meta-directory.js";
import type { StagedFile } from "../protocol.js";
import { StagedFiles } from "./staged-files.js";

let directory: string;
let meta: MetaDirectory;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "ls-staged-"));
  meta = new MetaDirectory(join(directory, "meta"), { mode: 0o600, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
  await meta.create();
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(txid: bigint): StagedFile {
  const path = meta.stagedFile(txid);
  writeFileSync(path, "x".repeat(10));
  return { txid, path, size: 10, timestampMs: 0, oldestCommitMs: 0 };
}

const onDisk = (): bigint[] => meta.listStaged().map(({ txid }) => txid);

describe("StagedFiles", () => {
  it("keeps what the destination lacks, what only the page table's loss would need, and the newest", () => {
    for (let txid = 3n; txid <= 8n; txid++) write(txid);
    const files = new StagedFiles(meta);
    expect([files.newest?.txid, files.runStart, files.unacknowledgedBytes]).toEqual([8n, 3n, 60]);
    files.acknowledge(6n);
    files.acknowledge(5n);
    expect([files.unacknowledged.map(({ txid }) => txid), files.unacknowledgedBytes]).toEqual([[7n, 8n], 20]);
    const none = { releasedTXID: 9n, maxBytes: 0 };
    expect(files.prune({ ...none, savedTXID: 4n })).toBe(true);
    expect(onDisk()).toEqual([5n, 6n, 7n, 8n]);
    files.prune({ ...none, savedTXID: 9n });
    expect(onDisk()).toEqual([7n, 8n]);
    files.acknowledge(8n);
    files.prune({ ...none, savedTXID: 9n });
    expect(files.prune({ ...none, savedTXID: 9n })).toBe(false);
    expect(onDisk()).toEqual([8n]);
    files.add(write(9n));
    expect([files.path(8n), files.path(9n), files.path(7n)]).toEqual([meta.stagedFile(8n), meta.stagedFile(9n), undefined]);
    expect(files.unacknowledgedBytes).toBe(10);
  });

  it("keeps what was not released as far as the bytes go, the newest of it", () => {
    for (let txid = 1n; txid <= 9n; txid++) write(txid);
    const files = new StagedFiles(meta);
    files.acknowledge(8n);
    expect(files.prune({ savedTXID: 8n, releasedTXID: 2n, maxBytes: 1000 })).toBe(true);
    expect(onDisk()).toEqual([3n, 4n, 5n, 6n, 7n, 8n, 9n]);
    files.prune({ savedTXID: 8n, releasedTXID: 2n, maxBytes: 35 });
    expect(onDisk()).toEqual([6n, 7n, 8n, 9n]);
    files.prune({ savedTXID: 6n, releasedTXID: 2n, maxBytes: 0 });
    expect(onDisk()).toEqual([7n, 8n, 9n]);
    expect([files.bytesAbove(0n), files.bytesAbove(7n)]).toEqual([30, 20]);
  });

  it("deletes many a part at a time", () => {
    for (let txid = 1n; txid <= 600n; txid++) write(txid);
    const files = new StagedFiles(meta);
    files.acknowledge(600n);
    let parts = 0;
    while (files.prune({ savedTXID: 600n, releasedTXID: 600n, maxBytes: 0 })) parts++;
    expect([parts, onDisk()]).toEqual([3, [600n]]);
  });

  it("deletes all of them lowest first: the position stays until the last is gone", () => {
    for (let txid = 1n; txid <= 5n; txid++) write(txid);
    const files = new StagedFiles(meta);
    files.acknowledge(3n);
    vi.spyOn(meta, "removeStaged")
      .mockImplementationOnce(() => {})
      .mockImplementationOnce(() => {
        throw new Error("killed");
      });
    expect(() => files.removeAll()).toThrow("killed");
    expect(files.newest?.txid).toBe(5n);
    files.removeAll();
    expect([files.newest, files.bytesAbove(0n)]).toEqual([undefined, 0]);
  });

  it("forgets what it discards and what lies above a TXID, acknowledged or not", () => {
    for (const txid of [1n, 2n, 4n, 5n, 6n]) write(txid);
    const files = new StagedFiles(meta);
    files.acknowledge(4n);
    expect(files.runStart).toBe(4n);
    files.discard([5n]);
    expect([files.runStart, files.unacknowledgedBytes]).toEqual([6n, 10]);
    files.removeAbove(2n);
    expect([files.newest?.txid, files.unacknowledgedBytes, onDisk()]).toEqual([2n, 0, [1n, 2n]]);
    files.add(write(3n));
    expect(files.unacknowledged.map(({ txid }) => txid)).toEqual([3n]);
    rmSync(meta.stagedFile(3n));
    files.reload();
    expect(files.newest?.txid).toBe(2n);
    expect(readdirSync(meta.stagedPath)).toHaveLength(2);
  });

  it("looks at each file of a long backlog a few times only", () => {
    const files = new StagedFiles(meta);
    const count = 20_000;
    let looks = 0;
    for (let i = 1; i <= count; i++) {
      const txid = BigInt(i);
      files.add({
        get txid() {
          looks++;
          return txid;
        },
        path: "",
        size: 1,
        timestampMs: 0,
        oldestCommitMs: 0,
      });
    }
    for (let i = 1; i <= count; i++) {
      files.acknowledge(BigInt(i));
      files.prune({ savedTXID: BigInt(count), releasedTXID: BigInt(count), maxBytes: 0 });
      expect(files.unacknowledgedBytes).toBe(count - i);
    }
    expect(files.newest?.txid).toBe(BigInt(count));
    expect(looks).toBeLessThan(10 * count);
  });
});
