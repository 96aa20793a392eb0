import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isLSError } from "../../errors.js";
import { AtomicFileWriter, attempt, fileTimeSeconds, writeFileAtomic } from "./atomic-file.js";
import { defaultMetaPath, MetaDirectory } from "./meta-directory.js";

const posix = process.platform !== "win32";

let directory: string;
let database: string;
let meta: MetaDirectory;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-meta-"));
  database = join(directory, "app.db");
  writeFileSync(database, "x");
  chmodSync(database, 0o640);
  const { uid, gid } = statSync(database);
  meta = new MetaDirectory(defaultMetaPath(database), { mode: 0o640, uid, gid });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("MetaDirectory", () => {
  it("lies beside the database under upstream's name", () => {
    expect(defaultMetaPath(database)).toBe(join(directory, ".app.db-litestream"));
    expect(meta.path).toBe(defaultMetaPath(database));
    expect(meta.stagedFile(0x1fn)).toBe(join(meta.path, "ltx", "0", "000000000000001f-000000000000001f.ltx"));
  });

  it.runIf(posix)("is made with the database's mode, also within a tight umask, and left alone when it is there", async () => {
    const before = process.umask(0o077);
    try {
      await meta.create();
    } finally {
      process.umask(before);
    }
    for (const path of [meta.path, join(meta.path, "ltx"), meta.stagedPath, meta.ownPath]) expect(statSync(path).mode & 0o777).toBe(0o750);
    chmodSync(meta.path, 0o700);
    await meta.create();
    expect(statSync(meta.path).mode & 0o777).toBe(0o700);
  });

  it("stages whole files with the header's time, lists them in TXID order, and removes them", async () => {
    await meta.create();
    const timeMs = 1_700_000_000_123;
    for (const txid of [0x10n, 0x9n, 0xffn]) {
      const writer = meta.stage(txid);
      writer.write(new TextEncoder().encode("hello "));
      writer.write(new TextEncoder().encode("world"));
      expect(writer.size).toBe(11);
      expect(existsSync(meta.stagedFile(txid))).toBe(false);
      writer.commit(timeMs);
    }
    // Foreign names, ranges, directories, links and unfinished files are not staged files.
    writeFileSync(join(meta.stagedPath, "0000000000000001-0000000000000002.ltx"), "range");
    writeFileSync(join(meta.stagedPath, "0000000000000003-0000000000000003.ltx.tmp"), "unfinished");
    writeFileSync(join(meta.stagedPath, "README"), "foreign");
    mkdirSync(join(meta.stagedPath, "0000000000000004-0000000000000004.ltx"));
    if (posix) symlinkSync(database, join(meta.stagedPath, "0000000000000005-0000000000000005.ltx"));
    expect(meta.listStaged()).toEqual([0x9n, 0x10n, 0xffn].map((txid) => ({ txid, path: meta.stagedFile(txid), size: 11, timeMs })));
    expect(readFileSync(meta.stagedFile(0x9n), "utf8")).toBe("hello world");
    if (posix) expect(statSync(meta.stagedFile(0x9n)).mode & 0o777).toBe(0o640);
    meta.removeStaged(0x9n);
    meta.removeStaged(0x9n);
    expect(meta.listStaged().map((entry) => entry.txid)).toEqual([0x10n, 0xffn]);
  });

  it("sweeps unfinished files and nothing else", async () => {
    await meta.create();
    writeFileSync(join(meta.stagedPath, "0000000000000003-0000000000000003.ltx.tmp"), "");
    writeFileSync(join(meta.ownPath, "pages.tmp"), "");
    writeFileSync(join(meta.ownPath, "pages"), "");
    writeFileSync(meta.stagedFile(1n), "");
    mkdirSync(join(meta.stagedPath, "directory.tmp"));
    expect(meta.sweepTemp()).toBe(2);
    expect(meta.sweepTemp()).toBe(0);
    expect(readdirSync(meta.ownPath)).toEqual(["pages"]);
    expect(readdirSync(meta.stagedPath).length).toBe(2);
  });
});

describe("AtomicFileWriter", () => {
  it("leaves the old file, and nothing else, when it is aborted or its source throws", () => {
    const path = join(directory, "file");
    writeFileAtomic(path, [new Uint8Array([1])], meta.owner);
    const writer = new AtomicFileWriter(path, meta.owner);
    writer.write(new Uint8Array(100));
    writer.abort();
    writer.abort();
    const failing = (function* (): Generator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error("source");
    })();
    expect(() => writeFileAtomic(path, failing, meta.owner)).toThrow("source");
    expect([...readFileSync(path)]).toEqual([1]);
    expect(readdirSync(directory).sort()).toEqual(["app.db", "file"]);
  });

  it("keeps what was committed when it is aborted afterwards", () => {
    const path = join(directory, "file");
    const writer = new AtomicFileWriter(path, meta.owner);
    writer.commit();
    writer.abort();
    expect(existsSync(path)).toBe(true);
  });

  it.each([
    ["ENOSPC", "LS_DISK_FULL", true],
    ["EDQUOT", "LS_DISK_FULL", true],
    ["EACCES", "LS_STORAGE_DENIED", false],
    ["EROFS", "LS_STORAGE_DENIED", false],
    ["EIO", "LS_STORAGE_UNAVAILABLE", true],
  ])("%s is %s", (errno, code, retryable) => {
    let thrown: unknown;
    try {
      attempt("write", "/x", () => {
        throw Object.assign(new Error("no"), { code: errno, syscall: "write" });
      });
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown)).toBe(true);
    expect(thrown).toMatchObject({ code, retryable, details: { path: "/x", systemCode: errno } });
  });

  it("sets a time that reads back as the same millisecond", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (timeMs) => {
        // utimes takes a double of seconds and cuts it to nanoseconds; so does a reader to milliseconds.
        const nanoseconds = BigInt(Math.trunc(fileTimeSeconds(timeMs) * 1e9));
        expect(nanoseconds / 1_000_000n).toBe(BigInt(timeMs));
      }),
    );
    const path = join(directory, "file");
    for (const timeMs of [1_700_000_000_001, 1_764_057_600_999, 1_764_057_601_003]) {
      writeFileAtomic(path, [], meta.owner, timeMs);
      expect(statSync(path, { bigint: true }).mtimeNs / 1_000_000n).toBe(BigInt(timeMs));
    }
  });
});
