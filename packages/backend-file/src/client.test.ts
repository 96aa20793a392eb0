import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import fsPromises from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isLSError, type LTXFileInfo, type LTXFileRef } from "@ls/core/backend-kit";
import { encodeLTX } from "@ls/ltx";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { CallCounter } from "../../../testkit/src/call-counter.js";
import { withGuessedRandom } from "../../../testkit/src/guessed-random.js";
import { skipLoudly } from "../../../testkit/src/skip.js";
import { FileReplicaClient } from "./client.js";
import { tempPathFor } from "./layout.js";

const TIME = Date.UTC(2026, 0, 31, 12, 0, 0, 655);

let dir: string;
let root: string;
let client: FileReplicaClient;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ls-file-"));
  root = join(dir, "replica");
  client = new FileReplicaClient({ path: root });
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(dir, { recursive: true, force: true });
});

function ref(txid: bigint, level = 0): LTXFileRef {
  return { level, minTXID: txid, maxTXID: txid };
}

function pathOf(txid: bigint, level = 0): string {
  const hex = txid.toString(16).padStart(16, "0");
  return join(root, "ltx", String(level), `${hex}-${hex}.ltx`);
}

/** A small valid LTX file. */
async function* ltx(txid: bigint, timestampMs: number = TIME, pages = 1): AsyncGenerator<Uint8Array> {
  const page = new Uint8Array(4096).map((_, i) => (i * 2654435761) >>> 13);
  yield* encodeLTX(
    { pageSize: 4096, commit: pages, minTXID: txid, maxTXID: txid, timestampMs },
    Array.from({ length: pages }, (_, i) => ({ pgno: i + 1, data: page })),
  );
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

async function listed(level = 0, options: Parameters<FileReplicaClient["ltxFiles"]>[1] = {}): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of client.ltxFiles(level, options)) files.push(file);
  return files;
}

function namesIn(path: string): string[] {
  return existsSync(path) ? readdirSync(path).sort() : [];
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe("writing", () => {
  test("upstream's names, and the bytes as they are, however they are chunked", async () => {
    const bytes = await bytesOf(ltx(4096n, TIME, 300));
    async function* chunks(size: number): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(0);
      const reused = new Uint8Array(size);
      for (let at = 0; at < bytes.length; at += size) {
        const chunk = reused.subarray(0, Math.min(size, bytes.length - at));
        chunk.set(bytes.subarray(at, at + size));
        yield chunk;
      }
    }
    for (const size of [1, 99, 4097, 262_144, 262_145, 5_000_000]) {
      const info = await client.writeLTXFile({ level: 9, minTXID: 1n, maxTXID: 4096n }, chunks(size));
      expect(info).toEqual({ level: 9, minTXID: 1n, maxTXID: 4096n, size: bytes.length, createdAt: new Date(TIME) });
      expect(readFileSync(join(root, "ltx", "9", "0000000000000001-0000000000001000.ltx")).equals(bytes)).toBe(true);
    }
    expect(namesIn(join(root, "ltx", "9"))).toEqual(["0000000000000001-0000000000001000.ltx"]);
  });

  test("the mtime is the header's time, to the millisecond as any reader sees it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 4_102_444_800_000 }), async (timestampMs) => {
        await client.writeLTXFile(ref(1n), ltx(1n, timestampMs));
        const stats = statSync(pathOf(1n), { bigint: true });
        expect(stats.mtimeNs / 1_000_000n).toBe(BigInt(timestampMs));
        expect(stats.atimeNs / 1_000_000n).toBe(BigInt(timestampMs));
        expect((await listed())[0]?.createdAt.getTime()).toBe(timestampMs);
      }),
      { numRuns: 60 },
    );
  });

  test.each([0o000, 0o022, 0o777])("[N10] private modes under umask %o", async (umask) => {
    const before = process.umask(umask);
    try {
      await client.writeLTXFile(ref(1n), ltx(1n));
    } finally {
      process.umask(before);
    }
    expect(statSync(pathOf(1n)).mode & 0o777).toBe(0o600);
    for (const path of [root, join(root, "ltx"), join(root, "ltx", "0")]) expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test.each([
    [0o640, 0o750],
    [0o644, 0o755],
    [0o660, 0o770],
    [0o400, 0o700],
  ])("the owner's mode %o, directories %o", async (mode, directoryMode) => {
    const { uid, gid } = statSync(dir);
    const before = process.umask(0o077);
    try {
      await client.init({ owner: { mode, uid, gid } });
      await client.writeLTXFile(ref(1n), ltx(1n));
    } finally {
      process.umask(before);
    }
    expect(statSync(pathOf(1n)).mode & 0o777).toBe(mode);
    for (const path of [root, join(root, "ltx"), join(root, "ltx", "0")]) expect(statSync(path).mode & 0o777).toBe(directoryMode);
  });

  test("an owner that may not be set is no obstacle", async () => {
    chmodSync(dir, 0o777);
    await client.init({ owner: { mode: 0o600, uid: 1, gid: 1 } });
    await asOrdinaryUser(() => client.writeLTXFile(ref(1n), ltx(1n)));
    expect(namesIn(dirname(pathOf(1n)))).toHaveLength(1);
  });

  test("overwrites, or refuses to with createOnly", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME));
    const before = readFileSync(pathOf(1n));
    const conflict = await failure(client.writeLTXFile(ref(1n), ltx(1n, TIME + 1), { createOnly: true }));
    expect(isLSError(conflict, "LS_CONFLICT")).toBe(true);
    expect(readFileSync(pathOf(1n)).equals(before)).toBe(true);
    await client.writeLTXFile(ref(1n), ltx(1n, TIME + 2));
    expect((await listed())[0]?.createdAt.getTime()).toBe(TIME + 2);
    expect(namesIn(dirname(pathOf(1n)))).toHaveLength(1);
  });

  test("[O6] of many concurrent createOnly writers exactly one wins, and its bytes stay", async () => {
    const others = Array.from({ length: 8 }, () => new FileReplicaClient({ path: root }));
    const results = await Promise.allSettled(others.map((other, i) => other.writeLTXFile(ref(7n), ltx(7n, TIME + i), { createOnly: true })));
    const won = results.flatMap((result, i) => (result.status === "fulfilled" ? [i] : []));
    expect(won).toHaveLength(1);
    for (const result of results) if (result.status === "rejected") expect(isLSError(result.reason, "LS_CONFLICT")).toBe(true);
    expect(readFileSync(pathOf(7n)).equals(await bytesOf(ltx(7n, TIME + (won[0] ?? -1))))).toBe(true);
    expect(namesIn(dirname(pathOf(7n)))).toHaveLength(1);
  });

  test("concurrent writers of one file do not mix", async () => {
    await Promise.all(Array.from({ length: 8 }, (_, i) => new FileReplicaClient({ path: root }).writeLTXFile(ref(7n), ltx(7n, TIME + i, 50))));
    const stored = readFileSync(pathOf(7n));
    const candidates = await Promise.all(Array.from({ length: 8 }, (_, i) => bytesOf(ltx(7n, TIME + i, 50))));
    expect(candidates.some((candidate) => candidate.equals(stored))).toBe(true);
    expect(namesIn(dirname(pathOf(7n)))).toHaveLength(1);
  });

  test.each([0, 50, 150, 700_000])("[I35] a source that throws after %i bytes leaves nothing, and its error comes back", async (afterBytes) => {
    const cause = new Error("source failed");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield (await bytesOf(ltx(1n, TIME, 500))).subarray(0, afterBytes);
      throw cause;
    }
    expect(await failure(client.writeLTXFile(ref(1n), broken()))).toBe(cause);
    expect(namesIn(dirname(pathOf(1n)))).toEqual([]);
  });

  test("[N12] a temporary name that somebody has guessed and linked to another file is refused, and that file stays", async () => {
    const guessed = Buffer.alloc(8, 0xab);
    const victim = join(dir, "victim");
    writeFileSync(victim, "precious");
    mkdirSync(dirname(pathOf(1n)), { recursive: true });
    symlinkSync(victim, `${pathOf(1n)}.${guessed.toString("hex")}.tmp`);
    const error = await withGuessedRandom(guessed, () => failure(client.writeLTXFile(ref(1n), ltx(1n))));
    expect(isLSError(error)).toBe(true);
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(existsSync(pathOf(1n))).toBe(false);
  });

  test("an abort leaves nothing, even while the source waits for ever", async () => {
    let released = false;
    async function* hanging(): AsyncGenerator<Uint8Array> {
      try {
        yield await bytesOf(ltx(1n));
        await new Promise(() => {});
      } finally {
        released = true;
      }
    }
    const controller = new AbortController();
    const reason = new Error("stop");
    setTimeout(() => controller.abort(reason), 20);
    expect(await failure(client.writeLTXFile(ref(1n), hanging(), { signal: controller.signal }))).toBe(reason);
    expect(namesIn(dirname(pathOf(1n)))).toEqual([]);
    // The source hangs inside its await and cannot be ended; it may only not be waited for.
    expect(released).toBe(false);

    const aborted = AbortSignal.abort(reason);
    expect(await failure(client.writeLTXFile(ref(1n), ltx(1n), { signal: aborted }))).toBe(reason);
    expect(existsSync(pathOf(1n))).toBe(false);
  });

  test("what does not start with an LTX header is refused", async () => {
    async function* junk(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(500);
    }
    async function* short(): AsyncGenerator<Uint8Array> {
      yield (await bytesOf(ltx(1n))).subarray(0, 99);
    }
    for (const source of [junk(), short()]) {
      expect(isLSError(await failure(client.writeLTXFile(ref(1n), source)), "LS_LTX_CORRUPTED")).toBe(true);
    }
    expect(namesIn(dirname(pathOf(1n)))).toEqual([]);
  });

  test("below a link to nowhere it waits for the target", async () => {
    symlinkSync(join(dir, "disk"), root);
    const below = new FileReplicaClient({ path: join(root, "app", "replica") });
    const error = await failure(below.writeLTXFile(ref(1n), ltx(1n)));
    expect(isLSError(error) && error.retryable, String(error)).toBe(true);
    mkdirSync(join(dir, "disk"));
    await below.writeLTXFile(ref(1n), ltx(1n));
    expect(readdirSync(join(dir, "disk", "app", "replica", "ltx", "0"))).toHaveLength(1);
  });

  test("directories are made and made durable once: of a second level only its own", async () => {
    using calls = new CallCounter(fsPromises, ["mkdir", "chmod", "chown"]);
    await client.writeLTXFile(ref(1n), ltx(1n));
    // The replica's, `ltx`, and the level's; their mode and owner are what was asked for, unless the umask says otherwise.
    expect(calls.count("mkdir")).toBe(3);
    calls.reset();
    await client.writeLTXFile({ level: 9, minTXID: 1n, maxTXID: 1n }, ltx(1n));
    expect(calls.count("mkdir")).toBe(1);
    expect(calls.count("chown")).toBe(0);
    calls.reset();
    await client.writeLTXFile(ref(2n), ltx(2n));
    expect(calls.count("mkdir") + calls.count("chmod") + calls.count("chown")).toBe(0);
  });

  test("goes on after somebody removed the directory", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n));
    rmSync(root, { recursive: true });
    const error = await failure(client.writeLTXFile(ref(2n), ltx(2n)));
    expect(isLSError(error, "LS_STORAGE_UNAVAILABLE") && error.retryable).toBe(true);
    await client.writeLTXFile(ref(2n), ltx(2n));
    expect(await listed()).toHaveLength(1);
  });

  test.each([
    { level: -1, minTXID: 1n, maxTXID: 1n },
    { level: 10, minTXID: 1n, maxTXID: 1n },
    { level: 0.5, minTXID: 1n, maxTXID: 1n },
    // What a caller without types might hand over.
    { level: "../../escape" as unknown as number, minTXID: 1n, maxTXID: 1n },
    { level: 0, minTXID: 2n, maxTXID: 1n },
    { level: 0, minTXID: 0n, maxTXID: 1n },
    { level: 0, minTXID: 1n, maxTXID: 1n << 64n },
  ])("a name that cannot be is a caller's mistake: %o", async (impossible) => {
    expect(await failure(client.writeLTXFile(impossible, ltx(1n)))).toBeInstanceOf(RangeError);
    expect(await failure(bytesOf(client.openLTXFile(impossible)))).toBeInstanceOf(RangeError);
    expect(existsSync(root)).toBe(false);
  });

  test("a full disk is LS_DISK_FULL, leaves nothing, and passes", async () => {
    if (process.geteuid?.() !== 0) return skipLoudly("the right to mount a tmpfs of 1 MiB", "run the tests as root");
    const mount = join(dir, "small");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
    try {
      const small = new FileReplicaClient({ path: mount });
      const incompressible = await bytesOf(randomLTX(600));
      async function* source(): AsyncGenerator<Uint8Array> {
        yield incompressible;
      }
      const error = await failure(small.writeLTXFile(ref(1n), source()));
      expect(isLSError(error, "LS_DISK_FULL") && error.retryable).toBe(true);
      expect(namesIn(join(mount, "ltx", "0"))).toEqual([]);
      await small.writeLTXFile(ref(1n), ltx(1n));
    } finally {
      execFileSync("umount", [mount]);
    }
  });
});

describe("permissions", () => {
  test("[I36] what may not be read is an error, never an empty listing", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n));
    chmodSync(dir, 0o755);
    await asOrdinaryUser(async () => {
      expect(isLSError(await failure(listed()), "LS_STORAGE_DENIED")).toBe(true);
      expect(isLSError(await failure(bytesOf(client.openLTXFile(ref(1n)))), "LS_STORAGE_DENIED")).toBe(true);
      expect(isLSError(await failure(new FileReplicaClient({ path: root }).init()), "LS_STORAGE_DENIED")).toBe(true);
    });
    await new FileReplicaClient({ path: root }).init();
  });

  test("what may not be written is LS_STORAGE_DENIED", async () => {
    chmodSync(dir, 0o755);
    await asOrdinaryUser(async () => {
      expect(isLSError(await failure(client.writeLTXFile(ref(1n), ltx(1n))), "LS_STORAGE_DENIED")).toBe(true);
    });
    await client.writeLTXFile(ref(1n), ltx(1n));
    for (const path of [root, join(root, "ltx"), dirname(pathOf(1n))]) chmodSync(path, 0o755);
    await asOrdinaryUser(async () => {
      const other = new FileReplicaClient({ path: root });
      expect(isLSError(await failure(other.writeLTXFile(ref(2n), ltx(2n))), "LS_STORAGE_DENIED")).toBe(true);
      const deleting = await failure(other.deleteLTXFiles([ref(1n), ref(2n)]));
      expect(deleting).toBeInstanceOf(AggregateError);
      // `as`: the line above has looked.
      expect((deleting as AggregateError).errors.map((error) => isLSError(error, "LS_STORAGE_DENIED"))).toEqual([true]);
    });
    expect(await listed()).toHaveLength(1);
  });
});

describe("listing", () => {
  test("[Q10] is sorted, starts at seek, and holds nothing foreign", async () => {
    for (const txid of [0x10n, 2n, 1n, 0xffn, 0x100n]) await client.writeLTXFile(ref(txid), ltx(txid));
    await client.writeLTXFile({ level: 0, minTXID: 1n, maxTXID: 0x20n }, ltx(1n));
    const level = dirname(pathOf(1n));
    for (const name of [
      "notes.txt",
      "0000000000000003-0000000000000003.ltx.tmp",
      "000000000000000A-000000000000000A.ltx",
      "3-3.ltx",
      "0000000000000005-0000000000000004.ltx",
    ]) {
      writeFileSync(join(level, name), "x");
    }
    mkdirSync(join(level, "0000000000000006-0000000000000006.ltx"));
    symlinkSync("nowhere", join(level, "0000000000000007-0000000000000007.ltx"));
    const ranges = (files: readonly LTXFileInfo[]): bigint[][] => files.map((file) => [file.minTXID, file.maxTXID]);
    expect(ranges(await listed())).toEqual([
      [1n, 1n],
      [1n, 0x20n],
      [2n, 2n],
      [0x10n, 0x10n],
      [0xffn, 0xffn],
      [0x100n, 0x100n],
    ]);
    expect(ranges(await listed(0, { seek: 0x10n }))).toEqual([
      [0x10n, 0x10n],
      [0xffn, 0xffn],
      [0x100n, 0x100n],
    ]);
    expect(await listed(1)).toEqual([]);
  });

  test("nothing there is empty and creates nothing; a file in the way is an error", async () => {
    expect(await listed()).toEqual([]);
    expect(existsSync(root)).toBe(false);
    writeFileSync(root, "");
    expect(isLSError(await failure(listed()), "LS_STORAGE_UNAVAILABLE")).toBe(true);
  });

  test("a level that appears is seen by the next listing, however close they are", async () => {
    for (let level = 0; level < 9; level++) {
      const before = listed(level);
      // Asked for at once, and in the middle of the look: neither may be answered with what was there before.
      await new Promise((resolve) => setImmediate(resolve));
      mkdirSync(dirname(pathOf(1n, level)), { recursive: true });
      writeFileSync(pathOf(1n, level), "12345");
      expect(await listed(level)).toHaveLength(1);
      expect((await before).length).toBeLessThan(2);
    }
    expect((await Promise.all([0, 4, 8, 9].map((level) => listed(level)))).map(({ length }) => length)).toEqual([1, 1, 1, 0]);
  });

  test.runIf(process.geteuid?.() === 0)("a directory of levels that may be searched but not read hides none of them", async () => {
    chmodSync(dir, 0o755);
    await client.init({ owner: { mode: 0o644, uid: 0, gid: 0 } });
    await client.writeLTXFile(ref(1n), ltx(1n));
    chmodSync(join(root, "ltx"), 0o711);
    await asOrdinaryUser(async () => {
      const other = new FileReplicaClient({ path: root });
      const files: LTXFileInfo[] = [];
      for await (const file of other.ltxFiles(0)) files.push(file);
      expect(files).toHaveLength(1);
      expect(await failure(other.init())).toBeUndefined();
    });
  });

  test("accurateTimestamps reads the headers, so that a copy without mtimes has its times", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME));
    await client.writeLTXFile(ref(2n), ltx(2n, TIME + 1));
    for (const txid of [1n, 2n]) utimesSync(pathOf(txid), 5, 5);
    writeFileSync(pathOf(3n), "damaged");
    utimesSync(pathOf(3n), 7, 7);
    expect((await listed()).map((file) => file.createdAt.getTime())).toEqual([5000, 5000, 7000]);
    expect((await listed(0, { accurateTimestamps: true })).map((file) => file.createdAt.getTime())).toEqual([TIME, TIME + 1, 7000]);
  });

  test("more files than one batch, with a break in the middle", async () => {
    mkdirSync(dirname(pathOf(1n)), { recursive: true });
    for (let txid = 1n; txid <= 300n; txid++) writeFileSync(pathOf(txid), "12345");
    expect((await listed()).map((file) => file.size)).toEqual(new Array(300).fill(5));
    for await (const file of client.ltxFiles(0)) if (file.minTXID === 70n) break;
    const controller = new AbortController();
    const reason = new Error("enough");
    const seen: bigint[] = [];
    const aborted = (async () => {
      for await (const file of client.ltxFiles(0, { signal: controller.signal })) {
        seen.push(file.minTXID);
        if (file.minTXID === 10n) controller.abort(reason);
      }
    })();
    expect(await failure(aborted)).toBe(reason);
    expect(seen.length).toBeLessThan(300);
  });
});

describe("reading", () => {
  test("ranges", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME, 200));
    const all = readFileSync(pathOf(1n));
    const read = (offset?: number, size?: number): Promise<Buffer> => bytesOf(client.openLTXFile(ref(1n), { offset, size }));
    expect((await read()).equals(all)).toBe(true);
    expect((await read(0, 100)).equals(all.subarray(0, 100))).toBe(true);
    expect((await read(131_000, 200_000)).equals(all.subarray(131_000, 331_000))).toBe(true);
    expect((await read(all.length - 24)).equals(all.subarray(-24))).toBe(true);
    expect((await read(all.length - 24, 1000)).equals(all.subarray(-24))).toBe(true);
    expect(await read(all.length)).toHaveLength(0);
    expect(await read(all.length + 1, 5)).toHaveLength(0);
  });

  test("[P8] chunks are the caller's own, unless it gives them back", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME, 1500));
    const all = readFileSync(pathOf(1n));
    const kept: Uint8Array[] = [];
    for await (const chunk of client.openLTXFile(ref(1n))) kept.push(chunk);
    expect(kept.length).toBeGreaterThan(2);
    expect(Buffer.concat(kept).equals(all)).toBe(true);
    const memory = new Set<ArrayBufferLike>();
    const copied: Uint8Array[] = [];
    for await (const chunk of client.openLTXFile(ref(1n), { reuseChunks: true })) {
      memory.add(chunk.buffer);
      copied.push(chunk.slice());
    }
    expect(Buffer.concat(copied).equals(all)).toBe(true);
    expect(memory.size).toBe(2);
  });

  test("of a range that goes into one buffer, nothing is open any more when it comes; the memory is the caller's own, unless it gives it back", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME, 200));
    const all = readFileSync(pathOf(1n));
    const read = async (offset: number, reuseChunks: boolean): Promise<Uint8Array> => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of client.openLTXFile(ref(1n), { offset, size: 5000, reuseChunks })) {
        if (process.platform === "linux") expect(openPaths()).not.toContain(pathOf(1n));
        chunks.push(chunk);
      }
      expect(chunks).toHaveLength(1);
      return chunks[0] ?? Buffer.alloc(0);
    };
    const [first, second] = [await read(0, false), await read(9000, false)];
    expect(all.subarray(0, 5000).equals(first)).toBe(true);
    expect(all.subarray(9000, 14_000).equals(second)).toBe(true);
    expect(first.buffer).not.toBe(second.buffer);
    const shared = await read(0, true);
    expect(all.subarray(0, 5000).equals(shared)).toBe(true);
    expect((await read(9000, true)).buffer).toBe(shared.buffer);
    expect(all.subarray(9000, 14_000).equals(shared)).toBe(true);
  });

  test("a missing file has its code, and says which", async () => {
    const error = await failure(bytesOf(client.openLTXFile(ref(5n, 3))));
    expect(isLSError(error, "LS_LTX_FILE_NOT_FOUND") && error.details).toMatchObject({ level: 3, minTXID: 5n, maxTXID: 5n });
    const ofRange = await failure(bytesOf(client.openLTXFile(ref(5n, 3), { size: 100 })));
    expect(isLSError(ofRange, "LS_LTX_FILE_NOT_FOUND") && ofRange.details).toMatchObject({ level: 3, minTXID: 5n, maxTXID: 5n });
  });

  // The kernel gives this one out in pieces, however much is asked for at a time.
  test.runIf(existsSync("/proc/kallsyms"))("reads that come back short go on", async () => {
    mkdirSync(dirname(pathOf(6n)), { recursive: true });
    symlinkSync("/proc/kallsyms", pathOf(6n));
    const read = await bytesOf(client.openLTXFile(ref(6n), { offset: 50, size: 100_000 }));
    expect(readFileSync("/proc/kallsyms").subarray(50, 100_050).equals(read)).toBe(true);
  });

  test.runIf(process.platform === "linux")("a range that cannot be read leaves nothing open", async () => {
    mkdirSync(pathOf(7n), { recursive: true });
    const error = await failure(bytesOf(client.openLTXFile(ref(7n), { size: 100 })));
    expect(isLSError(error) && error.details).toMatchObject({ operation: "read", path: pathOf(7n), systemCode: "EISDIR" });
    expect(openPaths()).not.toContain(pathOf(7n));
  });

  test.runIf(process.platform === "linux")("nothing is opened before the first chunk is asked for, and leaving early closes it", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n, TIME, 500));
    const isOpen = (): boolean => openPaths().includes(pathOf(1n));
    const stream = client.openLTXFile(ref(1n));
    expect(isOpen()).toBe(false);
    await stream.next();
    expect(isOpen()).toBe(true);
    await stream.return();
    expect(isOpen()).toBe(false);
    const reason = new Error("stop");
    const controller = new AbortController();
    const aborted = (async () => {
      for await (const _ of client.openLTXFile(ref(1n), { signal: controller.signal })) controller.abort(reason);
    })();
    expect(await failure(aborted)).toBe(reason);
    expect(isOpen()).toBe(false);
  });
});

describe("deleting", () => {
  test("[E9] what is gone counts as deleted; what fails is told file by file", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n));
    mkdirSync(pathOf(2n));
    await client.deleteLTXFiles([]);
    const error = await failure(client.deleteLTXFiles([ref(9n), ref(2n), ref(1n)]));
    expect(error).toBeInstanceOf(AggregateError);
    // `as`: the line above has looked.
    expect((error as AggregateError).errors).toHaveLength(1);
    expect(await listed()).toEqual([]);
    await client.deleteLTXFiles([ref(1n)]);
  });

  test("deleteAll takes the replica with its directories, temporary and foreign files in the levels too, and nothing beside it", async () => {
    writeFileSync(join(dir, "replica2"), "x");
    await client.writeLTXFile(ref(1n), ltx(1n));
    writeFileSync(tempPathFor(pathOf(2n)), "x");
    writeFileSync(join(dirname(pathOf(1n)), "notes.txt"), "x");
    await client.deleteAll();
    expect(namesIn(dir)).toEqual(["replica2"]);
    await client.deleteAll();
    await client.writeLTXFile(ref(1n), ltx(1n));
    expect(await listed()).toHaveLength(1);
    writeFileSync(join(root, "notes.txt"), "x");
    await client.deleteAll();
    expect(namesIn(root)).toEqual(["notes.txt"]);
  });
});

describe("temporary files", () => {
  test("ours are swept after an hour; others' and young ones stay", async () => {
    await client.writeLTXFile(ref(1n), ltx(1n));
    const stale = tempPathFor(pathOf(2n));
    const foreign = `${pathOf(2n)}.tmp`;
    for (const path of [stale, foreign]) {
      writeFileSync(path, "x");
      // A finished temporary file carries the time of its transaction: its age is not its mtime.
      utimesSync(path, 5, 5);
    }
    await new FileReplicaClient({ path: root }).init();
    expect(namesIn(dirname(pathOf(1n)))).toHaveLength(3);
    vi.useFakeTimers({ now: Date.now() + 61 * 60 * 1000, toFake: ["Date"] });
    await new FileReplicaClient({ path: root }).init();
    expect(namesIn(dirname(pathOf(1n))).map((name) => join(dirname(pathOf(1n)), name))).toEqual([pathOf(1n), foreign]);
  });
});

test("options", () => {
  for (const options of [{ path: "" }, { path: "a\0b" }, { path: "x", pth: "y" }]) {
    expect(() => new FileReplicaClient(options)).toThrow(expect.objectContaining({ code: "LS_INVALID_OPTION" }));
  }
  expect(new FileReplicaClient({ path: "x" }).path).toBe(join(process.cwd(), "x"));
});

/** Root may write everywhere, so for a while this process is somebody else. */
async function asOrdinaryUser<T>(step: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return step();
  process.seteuid?.(65_534);
  try {
    return await step();
  } finally {
    process.seteuid?.(0);
  }
}

async function* randomLTX(pages: number): AsyncGenerator<Uint8Array> {
  const data = Array.from({ length: pages }, (_, i) => ({ pgno: i + 1, data: crypto.getRandomValues(new Uint8Array(4096)) }));
  yield* encodeLTX({ pageSize: 4096, commit: pages, minTXID: 1n, maxTXID: 1n, timestampMs: TIME }, data);
}

function openPaths(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // The descriptor that listed them is closed by now.
      return [];
    }
  });
}

describe("where the files can be read without the client", () => {
  test.runIf(process.platform === "linux")("is the directory, once it exists, on a file system of this machine", async () => {
    expect(await client.localDirectory()).toBeUndefined();
    mkdirSync(root);
    expect(await client.localDirectory()).toBe(root);
    // A program, the kernel, answers for what lies there.
    expect(await new FileReplicaClient({ path: "/proc/self" }).localDirectory()).toBeUndefined();
  });

  test("is nowhere for who reads files in another way", async () => {
    class Other extends FileReplicaClient {
      override openLTXFile(): never {
        throw new Error("in another way");
      }
    }
    mkdirSync(root);
    expect(await new Other({ path: root }).localDirectory()).toBeUndefined();
  });
});
