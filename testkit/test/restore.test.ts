import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { isLSError, LSError, type LTXFileRef } from "@ls/core/backend-kit";
import { type RestoreProgress, restore, restoreTo } from "@ls/core/restore";
import { encodeLTX, formatTXID, isLTXError } from "@ls/ltx";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test, vi } from "vitest";
import { FaultStore } from "../src/fault-store.js";
import { withGuessedRandom } from "../src/guessed-random.js";
import { LTXHistory } from "../src/ltx-history.js";
import { MemoryClient } from "../src/memory-client.js";
import { MemorySink } from "../src/memory-sink.js";
import { Random, seedOf, withSeed } from "../src/random.js";
import { RequestCounter } from "../src/request-counter.js";
import { skipLoudly } from "../src/skip.js";
import { tempDir } from "../src/tmp.js";

afterEach(() => {
  vi.useRealTimers();
});

function ref(level: number, min: number, max: number): LTXFileRef {
  return { level, minTXID: BigInt(min), maxTXID: BigInt(max) };
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Lets hours of waiting pass in no time. */
async function hurried<T>(promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settled = promise.finally(() => {
    isSettled = true;
  });
  settled.catch(() => {});
  while (!isSettled) await vi.advanceTimersByTimeAsync(500);
  return settled;
}

async function history(seed: number, transactions = 12): Promise<{ history: LTXHistory; client: MemoryClient }> {
  const made = new LTXHistory(new Random(seed), { transactions });
  const client = new MemoryClient();
  await made.putAll(client, made.rawRefs());
  return { history: made, client };
}

describe("the right database", () => {
  test("random histories, random levels, random losses: every reachable TXID, and nothing else", { timeout: 60_000 }, async () => {
    const seed = seedOf(20_260_131);
    await withSeed(seed, async () => {
      const random = new Random(seed);
      let restored = 0;
      let refused = 0;
      for (let round = 0; round < 25; round++) {
        const made = new LTXHistory(random, { transactions: 16, pageSize: random.pick([512, 1024, 4096]) });
        const refs = [...made.rawRefs(), ref(9, 1, random.int(1, 16))];
        for (let i = 0; i < 6; i++) {
          const min = random.int(1, 16);
          refs.push(ref(random.int(1, 8), min, random.int(min, 16)));
        }
        const kept = refs.filter(() => random.chance(0.7));
        const client = new MemoryClient();
        await made.putAll(client, kept);
        const ends = reachableEnds(kept);
        for (let txid = 1n; txid <= made.newest; txid++) {
          const sink = new MemorySink();
          if (ends.has(txid)) {
            const result = await restoreTo(client, sink, { txid, parallelism: random.int(1, 4) });
            expect(Buffer.compare(sink.database ?? new Uint8Array(0), made.state(txid))).toBe(0);
            expect(result).toMatchObject({ txid, timestamp: made.timeOf(txid), bytes: made.state(txid).length, damaged: [] });
            restored++;
          } else {
            const error = await failure(restoreTo(client, sink, { txid }));
            expect(isLSError(error, "LS_TX_NOT_AVAILABLE") || isLSError(error, "LS_NO_SNAPSHOTS")).toBe(true);
            expect(sink.calls).toEqual([]);
            refused++;
          }
        }
      }
      expect(restored).toBeGreaterThan(50);
      expect(refused).toBeGreaterThan(20);
    });
  });

  test("random damage: the right database, or an error", { timeout: 60_000 }, async () => {
    const seed = seedOf(20_260_201);
    await withSeed(seed, async () => {
      const random = new Random(seed);
      const outcomes = { intact: 0, aroundDamage: 0, error: 0 };
      for (let round = 0; round < 120; round++) {
        const made = new LTXHistory(random, { transactions: 6, maxPages: 12 });
        const refs = [...made.rawRefs(), ref(1, 1, 3), ref(1, 4, 6), ref(9, 1, 4)];
        const client = new MemoryClient();
        await made.putAll(client, refs);
        for (let i = random.int(1, 4); i > 0; i--) {
          const victim = random.pick(refs);
          client.put(victim, damaged(client.peek(victim) ?? new Uint8Array(0), random));
        }
        const sink = new MemorySink();
        try {
          const { txid, damaged } = await restoreTo(client, sink);
          expect(txid).toBe(6n);
          expect(Buffer.compare(sink.database ?? new Uint8Array(0), made.state(6n))).toBe(0);
          outcomes[damaged.length === 0 ? "intact" : "aroundDamage"]++;
        } catch (error) {
          if (!isLSError(error, "LS_LTX_CORRUPTED")) throw error;
          expect(sink.database).toBeUndefined();
          outcomes.error++;
        }
      }
      expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(3);
    });
  });

  test("[D13] a page beyond a smaller size that came between is not taken from before it", async () => {
    const before = [
      { commit: 3, pages: { 1: 1, 2: 2, 3: 3 } },
      { commit: 1, pages: { 1: 4 } },
    ];
    const { client } = await handmade([...before, { commit: 3, pages: { 1: 5, 2: 6, 3: 7 } }]);
    const small = new MemorySink();
    await restoreTo(client, small, { txid: 2n });
    expect([small.database?.length, small.database?.[0]]).toEqual([512, 4]);
    const sink = new MemorySink();
    await restoreTo(client, sink, { txid: 3n });
    expect([0, 512, 1024].map((at) => sink.database?.[at])).toEqual([5, 6, 7]);
    const { client: lacking } = await handmade([...before, { commit: 3, pages: { 1: 5, 3: 7 } }]);
    const error = await failure(restoreTo(lacking, new MemorySink()));
    expect(isLSError(error, "LS_LTX_CORRUPTED") && error.message).toContain("1 of 3 pages");
  });

  test("files that do not make up a database are an error", async () => {
    const { client } = await handmade([
      { commit: 1, pages: { 1: 1 } },
      { commit: 3, pages: { 3: 3 } },
    ]);
    const error = await failure(restoreTo(client, new MemorySink()));
    expect(isLSError(error, "LS_LTX_CORRUPTED") && error.message).toContain("1 of 3 pages");
  });

  test("[N8] an absurd size is refused before anything of that size is made", async () => {
    const { client } = await handmade([
      { commit: 1, pages: { 1: 1 } },
      { commit: 0xffff_ffff, pages: { 1: 3 } },
    ]);
    const sink = new MemorySink();
    expect(isLSError(await failure(restoreTo(client, sink)), "LS_LTX_CORRUPTED")).toBe(true);
    expect(sink.calls).not.toContain("begin");
  });

  test("[F6] any file of the plan that was cut short, to nothing too, is named, and the target stays as it was", async () => {
    using dir = tempDir("restore");
    const { history: made } = await history(14);
    const refs = [ref(9, 1, 4), ref(1, 5, 8), ref(0, 9, 9), ref(0, 10, 10)];
    for (const victim of refs) {
      for (const size of [0, 1, 99, 150, -1]) {
        const client = new MemoryClient();
        await made.putAll(client, refs);
        client.put(victim, (client.peek(victim) ?? new Uint8Array(0)).subarray(0, size === -1 ? -1 : size));
        const error = await failure(restore(client, { outputPath: dir.file("out.db") }));
        expect(isLSError(error, "LS_LTX_CORRUPTED") && error.details).toMatchObject({ damaged: [victim] });
        expect(readdirSync(dir.path)).toEqual([]);
      }
    }
  });

  test("swapped files are damaged files", async () => {
    const { history: made, client } = await history(1);
    client.put(ref(0, 5, 5), await made.raw(4n));
    const error = await failure(restoreTo(client, new MemorySink()));
    expect(isLSError(error, "LS_LTX_CORRUPTED") && error.details).toMatchObject({ damaged: [ref(0, 5, 5)] });
    expect(isLTXError(error instanceof Error && error.cause, "LTX_CORRUPTED")).toBe(true);
    await made.putAll(client, [ref(1, 4, 6)]);
    expect(await restoreTo(client, new MemorySink())).toMatchObject({ txid: 12n, damaged: [] });
  });

  test("a database of no pages", async () => {
    const { client } = await handmade([
      { commit: 1, pages: { 1: 1 } },
      { commit: 0, pages: {} },
    ]);
    const sink = new MemorySink();
    expect(await restoreTo(client, sink)).toMatchObject({ txid: 2n, pageCount: 0, bytes: 0 });
    expect(sink.calls).toEqual(["begin", "end"]);
  });
});

describe("a destination that misbehaves", () => {
  test("[F9] a dropped connection goes on where it stopped, as often as there is progress between", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const made = new LTXHistory(new Random(2), { transactions: 1, pageSize: 65_536, maxPages: 80 });
    const counter = new RequestCounter(new MemoryClient());
    await made.putAll(counter.inner as MemoryClient, made.rawRefs());
    const store = new FaultStore(counter);
    // Together more failures in each megabyte than are forgiven without progress.
    let requests = 0;
    store.arm({ operation: "open", fault: { kind: "fail" }, when: () => requests++ % 4 !== 3 });
    store.arm({ operation: "open", fault: { kind: "drop", afterBytes: 300_000 } });
    const sink = new MemorySink();
    await hurried(restoreTo(store, sink, { parallelism: 1 }));
    expect(Buffer.compare(sink.database ?? new Uint8Array(0), made.state(1n))).toBe(0);
    const size = made.state(1n).length;
    expect(counter.count("open")).toBeGreaterThan(size / 300_000);
    expect(counter.bytesRead).toBeLessThan(size * 1.1);
  });

  test.each<[string, Parameters<FaultStore["arm"]>[0]["fault"]]>([
    ["always fails", { kind: "fail" }],
    ["never gives a byte", { kind: "empty" }],
    ["never answers", { kind: "hang" }],
    ["drops after one byte", { kind: "drop", afterBytes: 1 }],
  ])("a server that %s is given up after a bounded number of requests", async (_, fault) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const { client } = await history(3, 1);
    const store = new FaultStore(client);
    const hits = store.arm({ operation: "open", fault });
    const sink = new MemorySink();
    expect(isLSError(await failure(hurried(restoreTo(store, sink))))).toBe(true);
    expect(hits()).toBeLessThanOrEqual(6 * 2);
    expect(sink.database).toBeUndefined();
  });

  test("a refused request is not repeated", async () => {
    const { client } = await history(3);
    const store = new FaultStore(client);
    const hits = store.arm({ operation: "open", fault: { kind: "fail", error: new LSError("LS_STORAGE_DENIED", "no") } });
    expect(isLSError(await failure(restoreTo(store, new MemorySink(), { parallelism: 1 })), "LS_STORAGE_DENIED")).toBe(true);
    expect(hits()).toBe(1);
  });

  test("[F11] a listing that fails is never an empty replica", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { client } = await history(3);
    for (const error of [new LSError("LS_STORAGE_DENIED", "no"), new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true }), new Error("surprise")]) {
      const store = new FaultStore(client);
      store.arm({ operation: "list", fault: { kind: "fail", error }, when: (file) => file?.level === 3 });
      expect(await failure(hurried(restoreTo(store, new MemorySink())))).toBe(error);
    }
    const store = new FaultStore(client);
    store.arm({ operation: "list", fault: { kind: "fail" }, times: 3 });
    expect(await hurried(restoreTo(store, new MemorySink()))).toMatchObject({ txid: 12n });
  });

  test("[E4] a planned file that vanished leads to a fresh listing", async () => {
    const { history: made, client } = await history(4);
    await made.putAll(client, [ref(9, 1, 6), ref(1, 1, 12)]);
    const store = new FaultStore(client);
    await store.rememberListings([0, 1, 9]);
    await client.deleteLTXFiles([ref(1, 1, 12)]);
    const stale = store.arm({ operation: "list", fault: { kind: "stale" }, times: 10 });
    const sink = new MemorySink();
    expect(await restoreTo(store, sink)).toMatchObject({ txid: 12n, damaged: [] });
    expect(Buffer.compare(sink.database ?? new Uint8Array(0), made.state(12n))).toBe(0);
    expect(stale()).toBe(10);
  });

  test("a listing that always shows a file which is not there ends in an error", async () => {
    const { history: made, client } = await history(4);
    const store = new FaultStore(client);
    await store.rememberListings([0]);
    await client.deleteLTXFiles([ref(0, 3, 3)]);
    store.arm({ operation: "list", fault: { kind: "stale" } });
    expect(isLSError(await failure(restoreTo(store, new MemorySink())), "LS_LTX_FILE_NOT_FOUND")).toBe(true);
    expect(made.newest).toBe(12n);
  });

  test("compaction between two listings shows no hole that is not there", async () => {
    const { history: made, client } = await history(5);
    // Level 1 is listed before the file is there, level 0 after its sources are gone.
    const moved = Promise.all([made.merged(1n, 6n), made.image(1n, 6n)]);
    class Compacting extends FaultStore {
      #calls = 0;
      override async *ltxFiles(level: number): ReturnType<FaultStore["ltxFiles"]> {
        this.#calls++;
        if (level === 0 && this.#calls <= 10) {
          const [merged] = await moved;
          await client.deleteLTXFiles(made.rawRefs().slice(0, 6));
          setTimeout(() => client.put(ref(1, 1, 6), merged), 5);
        } else if (level === 0) {
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
        yield* super.ltxFiles(level);
      }
    }
    expect(await restoreTo(new Compacting(client), new MemorySink())).toMatchObject({ txid: 12n });
  });

  test("an abort at any request ends it with the reason, and the sink forgets", async () => {
    const { client } = await history(6);
    const total = 10 + 12;
    for (let n = 0; n < total; n++) {
      const controller = new AbortController();
      const reason = new Error(`stop ${n}`);
      const store = new FaultStore(client);
      store.arm({ operation: n < 10 ? "list" : "open", fault: { kind: "hang" }, after: n < 10 ? n : n - 10 });
      const sink = new MemorySink();
      setTimeout(() => controller.abort(reason), 5);
      expect(await failure(restoreTo(store, sink, { signal: controller.signal }))).toBe(reason);
      expect(sink.database).toBeUndefined();
      expect(["discard", undefined]).toContain(sink.calls.at(-1));
    }
  });

  test("[F5] by time or not: each level is listed once, and only files that are applied are opened", async () => {
    const { history: made, client } = await history(7, 60);
    await made.putAll(client, [ref(9, 1, 20)]);
    for (const options of [{ timestamp: made.timeOf(40n) }, { txid: 40n }]) {
      const counter = new RequestCounter(client);
      expect(await restoreTo(counter, new MemorySink(), options)).toMatchObject({ txid: 40n });
      expect([counter.count("list"), counter.count("open")]).toEqual([10, 21]);
    }
  });

  test("[F10, F16] as many requests at a time as asked for, and no more", async () => {
    const { client } = await history(7, 40);
    let open = 0;
    let most = 0;
    class Watched extends FaultStore {
      override async *openLTXFile(...args: Parameters<FaultStore["openLTXFile"]>): ReturnType<FaultStore["openLTXFile"]> {
        most = Math.max(most, ++open);
        try {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield* super.openLTXFile(...args);
        } finally {
          open--;
        }
      }
    }
    for (const parallelism of [1, 3, 16]) {
      most = 0;
      await restoreTo(new Watched(client), new MemorySink(), { parallelism });
      expect(most).toBe(parallelism);
    }
  });
});

describe("the sink", () => {
  test("[Q6] a damaged file makes it begin again", async () => {
    const { history: made, client } = await history(8);
    await made.putAll(client, [ref(9, 1, 10)]);
    const snapshot = client.peek(ref(9, 1, 10)) ?? new Uint8Array(0);
    client.put(
      ref(9, 1, 10),
      snapshot.map((byte, i) => (i === snapshot.length - 1 ? byte ^ 1 : byte)),
    );
    const sink = new MemorySink();
    const result = await restoreTo(client, sink);
    expect(sink.calls).toEqual(["begin", "pages", "discard", "begin", "pages", "end"]);
    expect(result.damaged).toMatchObject([ref(9, 1, 10)]);
    expect(Buffer.compare(sink.database ?? new Uint8Array(0), made.state(12n))).toBe(0);
  });

  test.each(["begin", "pages", "end"] as const)("what its %s throws comes back, after discard", async (method) => {
    const { client } = await history(8);
    const cause = new Error("sink failed");
    const sink = new MemorySink();
    sink[method] = async () => {
      throw cause;
    };
    expect(await failure(restoreTo(client, sink))).toBe(cause);
    expect(sink.calls.at(-1)).toBe("discard");
  });

  test("progress ends at the whole", async () => {
    const { client } = await history(8);
    const seen: RestoreProgress[] = [];
    await restoreTo(client, new MemorySink(), { onProgress: (progress) => seen.push(progress) });
    expect(seen[0]).toMatchObject({ bytes: 0, files: 12, txid: 12n });
    expect(seen.at(-1)?.bytes).toBe(seen.at(-1)?.totalBytes);
    expect(seen.every((progress, i) => i === 0 || progress.bytes >= (seen[i - 1]?.bytes ?? 0))).toBe(true);
  });
});

describe("errors say what there is", () => {
  test("an empty destination, and one without a start", async () => {
    const { client } = await history(9);
    const empty = await failure(restoreTo(new MemoryClient(), new MemorySink()));
    expect(isLSError(empty, "LS_NO_SNAPSHOTS") && empty.details).toMatchObject({ reason: "empty" });
    await client.deleteLTXFiles([ref(0, 1, 1)]);
    const noStart = await failure(restoreTo(client, new MemorySink()));
    expect(isLSError(noStart, "LS_NO_SNAPSHOTS") && noStart.details).toMatchObject({ reason: "no-start" });
  });

  test("[M12] the message says what was asked for, what is missing or damaged, and what there is instead", async () => {
    const made = new LTXHistory(new Random(9), { transactions: 12 });
    const client = new MemoryClient();
    const messageOf = async (options: Parameters<typeof restoreTo>[2]): Promise<string> => {
      const error = await failure(restoreTo(client, new MemorySink(), options));
      return error instanceof Error ? error.message : "no error";
    };
    const point = (txid: bigint): string => `TXID ${formatTXID(txid)} of ${made.timeOf(txid).toISOString()}`;
    expect(await messageOf({})).toBe("the destination holds no LTX files");
    await made.putAll(client, [ref(0, 3, 3)]);
    expect(await messageOf({})).toBe("the destination holds LTX files, but none that starts at TXID 1, so there is nothing to build on");
    await made.putAll(client, [ref(1, 1, 2), ref(0, 5, 5), ref(0, 6, 6)]);
    expect(await messageOf({ txid: 1n })).toBe(`no file ends at TXID ${formatTXID(1n)}; nearest after: ${point(2n)}`);
    expect(await messageOf({})).toBe(`the newest state cannot be restored: TXID ${formatTXID(4n)} is missing; nearest before: ${point(3n)}`);
    expect(await messageOf({ txid: 6n })).toBe(`TXID ${formatTXID(6n)} cannot be restored: TXID ${formatTXID(4n)} is missing; nearest before: ${point(3n)}`);
    const early = new Date(made.timeOf(1n).getTime() - 1);
    expect(await messageOf({ timestamp: early })).toBe(`nothing is as old as the state at ${early.toISOString()}; nearest after: ${point(2n)}`);
    await made.putAll(client, [ref(0, 4, 4)]);
    client.put(ref(0, 4, 4), (client.peek(ref(0, 4, 4)) ?? new Uint8Array(0)).subarray(0, 50));
    expect(await messageOf({})).toBe(
      `the newest state cannot be restored without damaged files; unusable: level 0 ${formatTXID(4n)}-${formatTXID(4n)} (only 50 bytes long); nearest before: ${point(3n)}`,
    );
  });

  test("[F15] nearest points", async () => {
    const made = new LTXHistory(new Random(9), { transactions: 12 });
    const client = new MemoryClient();
    await made.putAll(client, [ref(1, 1, 4), ref(1, 5, 8), ref(0, 9, 9)]);
    const error = await failure(restoreTo(client, new MemorySink(), { txid: 6n }));
    expect(isLSError(error, "LS_TX_NOT_AVAILABLE") && error.details).toMatchObject({
      earliest: { txid: 4n },
      before: { txid: 4n, timestamp: made.timeOf(4n) },
      after: { txid: 8n, timestamp: made.timeOf(8n) },
      latest: { txid: 9n },
    });
    expect(String(error)).toContain(formatTXID(8n));
  });

  test.each([
    [{ txid: 0n }],
    [{ txid: -1n }],
    [{ txid: 1n << 64n }],
    [{ txid: 1n, timestamp: new Date() }],
    [{ timestamp: new Date("nonsense") }],
    [{ parallelism: 0 }],
    [{ parallelism: 65 }],
    [{ parallelism: 1.5 }],
    // What a caller without types might hand over.
    [{ txid: 5 as unknown as bigint }],
    [{ tixd: 5n } as object],
  ])("bad options: %o", async (options) => {
    const { client } = await history(9);
    expect(isLSError(await failure(restoreTo(client, new MemorySink(), options)), "LS_INVALID_OPTION")).toBe(true);
  });
});

describe("to a file", () => {
  test("[N10] complete, private, nothing beside it; missing directories are made", async () => {
    using dir = tempDir("restore");
    const { history: made, client } = await history(10);
    const umask = process.umask(0);
    try {
      const result = await restore({ client }, { outputPath: dir.file("a", "b", "out.db"), txid: 7n });
      expect(result).toMatchObject({ path: dir.file("a", "b", "out.db"), txid: 7n, removedSidecars: [] });
    } finally {
      process.umask(umask);
    }
    expect(readFileSync(dir.file("a", "b", "out.db")).equals(made.state(7n))).toBe(true);
    expect(readdirSync(dir.file("a", "b"))).toEqual(["out.db"]);
    expect(statSync(dir.file("a", "b", "out.db")).mode & 0o777).toBe(0o600);
    expect(statSync(dir.file("a", "b")).mode & 0o777).toBe(0o700);
  });

  test("[N12] a temporary name that somebody has guessed and linked to another file is refused, and that file stays", async () => {
    using dir = tempDir("restore");
    const { client } = await history(10);
    const guessed = Buffer.alloc(8, 0xab);
    writeFileSync(dir.file("victim"), "precious");
    symlinkSync(dir.file("victim"), dir.file(`out.db.${guessed.toString("hex")}.tmp`));
    const error = await withGuessedRandom(guessed, () => failure(restore(client, { outputPath: dir.file("out.db") })));
    expect(isLSError(error, "LS_STORAGE_UNAVAILABLE")).toBe(true);
    expect(readFileSync(dir.file("victim"), "utf8")).toBe("precious");
    expect(existsSync(dir.file("out.db"))).toBe(false);
  });

  test("[F19] the file is the source's, byte for byte: it opens in WAL mode again, and no restore changes it", async () => {
    using dir = tempDir("restore");
    const source = new Database(dir.file("source.db"));
    source.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (1); PRAGMA wal_checkpoint(TRUNCATE)");
    const bytes = source.serialize();
    source.close();
    const client = await replicaOf(bytes);
    for (const name of ["one.db", "two.db"]) {
      await restore(client, { outputPath: dir.file(name), integrityCheck: "full", driver: Database });
      expect(readFileSync(dir.file(name)).equals(bytes)).toBe(true);
    }
    const restored = new Database(dir.file("one.db"));
    expect(restored.pragma("journal_mode", { simple: true })).toBe("wal");
    restored.close();
  });

  test("[F8, F18] does not overwrite, and touches nothing", async () => {
    using dir = tempDir("restore");
    const { client } = await history(10);
    const output = dir.file("out.db");
    writeFileSync(output, "precious");
    writeFileSync(`${output}-wal`, "as well");
    expect(isLSError(await failure(restore(client, { outputPath: output })), "LS_OUTPUT_EXISTS")).toBe(true);
    expect(readFileSync(output, "utf8")).toBe("precious");
    expect(readFileSync(`${output}-wal`, "utf8")).toBe("as well");
    writeFileSync(dir.file("alone.db"), "precious too");
    expect(isLSError(await failure(restore(client, { outputPath: dir.file("alone.db") })), "LS_OUTPUT_EXISTS")).toBe(true);
    expect(readFileSync(dir.file("alone.db"), "utf8")).toBe("precious too");

    mkdirSync(dir.file("directory"));
    symlinkSync("nowhere", dir.file("dangling"));
    for (const name of ["directory", "dangling"]) {
      expect(isLSError(await failure(restore(client, { outputPath: dir.file(name) })), "LS_OUTPUT_EXISTS")).toBe(true);
    }
    expect(readdirSync(dir.path).sort()).toEqual(["alone.db", "dangling", "directory", "out.db", "out.db-wal"]);
  });

  test("an output that appears meanwhile is not overwritten", async () => {
    using dir = tempDir("restore");
    const { client } = await history(10);
    const output = dir.file("out.db");
    const onProgress = ({ bytes, totalBytes }: RestoreProgress): void => {
      if (bytes === totalBytes) writeFileSync(output, "precious");
    };
    expect(isLSError(await failure(restore(client, { outputPath: output, onProgress })), "LS_OUTPUT_EXISTS")).toBe(true);
    expect(readFileSync(output, "utf8")).toBe("precious");
    expect(readdirSync(dir.path)).toEqual(["out.db"]);
  });

  test("an empty file gives way, unless a -wal may hold its content", async () => {
    using dir = tempDir("restore");
    const { history: made, client } = await history(10);
    const output = dir.file("out.db");
    writeFileSync(output, "");
    writeFileSync(`${output}-wal`, "frames");
    expect(isLSError(await failure(restore(client, { outputPath: output })), "LS_OUTPUT_EXISTS")).toBe(true);
    writeFileSync(dir.file("other.db"), "");
    await restore(client, { outputPath: dir.file("other.db") });
    expect(readFileSync(dir.file("other.db")).equals(made.state(12n))).toBe(true);
    expect(readdirSync(dir.path).sort()).toEqual(["other.db", "out.db", "out.db-wal"]);
  });

  test("[F8, Q7] stale files of an absent database are removed, and named", async () => {
    using dir = tempDir("restore");
    const { client } = await history(10);
    const output = dir.file("out.db");
    const stale = ["-wal", "-shm", "-journal"].map((suffix) => output + suffix);
    for (const path of stale) writeFileSync(path, "stale");
    // Not before the restore is sure to succeed.
    expect(isLSError(await failure(restore(client, { outputPath: output, txid: 99n })), "LS_TX_NOT_AVAILABLE")).toBe(true);
    expect(readdirSync(dir.path)).toHaveLength(3);
    expect(await restore(client, { outputPath: output })).toMatchObject({ removedSidecars: stale });
    expect(readdirSync(dir.path)).toEqual(["out.db"]);
  });

  test("[F7] nothing is left after a failure at any file, or an abort", async () => {
    using dir = tempDir("restore");
    const { client } = await history(11);
    for (let after = 0; after < 12; after++) {
      const store = new FaultStore(client);
      store.arm({ operation: "open", fault: { kind: "fail", error: new LSError("LS_STORAGE_DENIED", "no") }, after });
      expect(isLSError(await failure(restore(store, { outputPath: dir.file("new", "out.db") })), "LS_STORAGE_DENIED")).toBe(true);
      expect(readdirSync(dir.path)).toEqual([]);
    }
    for (let bytes = 0; bytes < 12_000; bytes += 1500) {
      const controller = new AbortController();
      const onProgress = (progress: RestoreProgress): void => {
        if (progress.bytes >= bytes) controller.abort();
      };
      expect(await failure(restore(client, { outputPath: dir.file("new", "out.db"), signal: controller.signal, onProgress }))).toBe(controller.signal.reason);
      expect(readdirSync(dir.path)).toEqual([]);
    }
  });

  test("an unwritable directory", async () => {
    using dir = tempDir("restore");
    const { client } = await history(11);
    chmodSync(dir.path, 0o555);
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) process.seteuid?.(65_534);
    const error = await failure(restore(client, { outputPath: dir.file("out.db") })).finally(() => {
      if (isRoot) process.seteuid?.(0);
    });
    expect(isLSError(error, "LS_STORAGE_DENIED") && error.message).toContain(dir.path);
    expect(readdirSync(dir.path)).toEqual([]);
  });

  test("what a killed restore left is swept after an hour", async () => {
    using dir = tempDir("restore");
    const { client } = await history(10);
    const left = ["out.db.0123456789abcdef.tmp", "out.db.0123456789abcdef.tmp-wal"];
    const foreign = ["out.db.tmp", "other.db.0123456789abcdef.tmp", "out.db.0123456789abcdef.tmp.gz"];
    for (const name of [...left, ...foreign]) writeFileSync(dir.file(name), "x");
    await restore(client, { outputPath: dir.file("out.db") });
    expect(readdirSync(dir.path)).toHaveLength(6);
    unlinkSync(dir.file("out.db"));
    vi.useFakeTimers({ now: Date.now() + 61 * 60 * 1000, toFake: ["Date"] });
    await restore(client, { outputPath: dir.file("out.db") });
    expect(readdirSync(dir.path).sort()).toEqual([...foreign, "out.db"].sort());
  });

  test("a full disk is LS_DISK_FULL, and leaves nothing", async () => {
    using dir = tempDir("restore");
    if (process.geteuid?.() !== 0) {
      skipLoudly("the right to mount a tmpfs of 1 MiB", "run the tests as root");
      return;
    }
    const made = new LTXHistory(new Random(13), { transactions: 1, pageSize: 65_536, maxPages: 60 });
    const client = new MemoryClient();
    await made.putAll(client, made.rawRefs());
    const mount = dir.file("small");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
    try {
      expect(made.state(1n).length).toBeGreaterThan(1024 * 1024);
      expect(isLSError(await failure(restore(client, { outputPath: `${mount}/out.db` })), "LS_DISK_FULL")).toBe(true);
      expect(readdirSync(mount)).toEqual([]);
    } finally {
      execFileSync("umount", [mount]);
    }
  });

  test("integrity check: needs a driver, finds what is wrong, leaves nothing", async () => {
    using dir = tempDir("restore");
    const { client: junk } = await history(12);
    const output = dir.file("out.db");
    expect(isLSError(await failure(restore(junk, { outputPath: output, integrityCheck: "quick" })), "LS_DRIVER_REQUIRED")).toBe(true);
    expect(isLSError(await failure(restore(junk, { outputPath: output, integrityCheck: "quick", driver: {} })), "LS_INVALID_OPTION")).toBe(true);
    for (const integrityCheck of ["quick", "full"] as const) {
      const error = await failure(restore(junk, { outputPath: output, integrityCheck, driver: Database }));
      expect(isLSError(error, "LS_INTEGRITY_CHECK_FAILED")).toBe(true);
    }
    expect(readdirSync(dir.path)).toEqual([]);

    const real = await sqliteReplica("CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (1), (2)");
    for (const integrityCheck of ["quick", "full"] as const) {
      await restore(real, { outputPath: dir.file(`${integrityCheck}.db`), integrityCheck, driver: Database });
    }
    expect(readdirSync(dir.path).sort()).toEqual(["full.db", "quick.db"]);

    // An index that does not match its table is seen by the full check only.
    const inconsistent = await sqliteReplica(`
      CREATE TABLE t(a, b); CREATE INDEX i ON t(a); INSERT INTO t VALUES (1, 2), (3, 4); PRAGMA writable_schema = 1;
      UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i'`);
    await restore(inconsistent, { outputPath: dir.file("seems-fine.db"), integrityCheck: "quick", driver: Database });
    const error = await failure(restore(inconsistent, { outputPath: dir.file("found.db"), integrityCheck: "full", driver: Database }));
    expect(isLSError(error, "LS_INTEGRITY_CHECK_FAILED")).toBe(true);
    expect(existsSync(dir.file("found.db"))).toBe(false);
  });

  test("bad options", async () => {
    const { client } = await history(12);
    for (const options of [
      { outputPath: "" },
      { outputPath: "a\0b" },
      { outputPath: "x", integrityCheck: "deep" as "full" },
      { outputPath: "x", output: "y" },
    ]) {
      expect(isLSError(await failure(restore(client, options)), "LS_INVALID_OPTION")).toBe(true);
    }
    expect(isLSError(await failure(restore("nonsense", { outputPath: "x" })), "LS_INVALID_URL")).toBe(true);
    expect(isLSError(await failure(restore("gopher://x/y", { outputPath: "x" })), "LS_UNKNOWN_SCHEME")).toBe(true);
  });
});

function reachableEnds(refs: readonly LTXFileRef[]): Set<bigint> {
  const ends = new Set<bigint>();
  for (let size = -1; size !== ends.size; ) {
    size = ends.size;
    for (const { minTXID, maxTXID } of refs) {
      if (minTXID === 1n || [...ends].some((end) => minTXID <= end + 1n && maxTXID > end)) ends.add(maxTXID);
    }
  }
  return ends;
}

function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const kind = random.int(0, 3);
  if (kind === 0) return copy.subarray(0, random.int(0, copy.length - 1));
  if (kind === 1) return Buffer.concat([copy, random.bytes(random.int(1, 40))]);
  const at = random.int(0, copy.length - 1);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.int(0, 7));
  return copy;
}

/** A replica written page by page: the first byte of each page tells it apart. */
async function handmade(files: readonly { commit: number; pages: Readonly<Record<number, number>> }[]): Promise<{ client: MemoryClient; txids: bigint }> {
  const client = new MemoryClient();
  for (const [i, { commit, pages }] of files.entries()) {
    const txid = BigInt(i + 1);
    const list = Object.entries(pages).map(([pgno, value]) => ({ pgno: Number(pgno), data: new Uint8Array(512).fill(value) }));
    await client.writeLTXFile(ref(0, i + 1, i + 1), encodeLTX({ pageSize: 512, commit, minTXID: txid, maxTXID: txid, timestampMs: 1000 * i }, list));
  }
  return { client, txids: BigInt(files.length) };
}

/** A replica of a real database, as one file. */
async function sqliteReplica(sql: string): Promise<MemoryClient> {
  const database = new Database(":memory:");
  database.unsafeMode(true);
  database.exec(sql);
  const bytes = database.serialize();
  database.close();
  return replicaOf(bytes);
}

async function replicaOf(bytes: Uint8Array): Promise<MemoryClient> {
  const pages = Array.from({ length: bytes.length / 4096 }, (_, i) => ({ pgno: i + 1, data: bytes.subarray(i * 4096, (i + 1) * 4096) }));
  const client = new MemoryClient();
  await client.writeLTXFile(ref(0, 1, 1), encodeLTX({ pageSize: 4096, commit: pages.length, minTXID: 1n, maxTXID: 1n, timestampMs: 0 }, pages));
  return client;
}
