import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeLTXHeader, formatLTXFilename, mergeLTX, verifyLTX } from "@ls/ltx";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ClientWrapper } from "../../../testkit/src/client-wrapper.js";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { HISTORY_START, LTXHistory } from "../../../testkit/src/ltx-history.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { RequestCounter } from "../../../testkit/src/request-counter.js";
import { tempDir } from "../../../testkit/src/tmp.js";
import { readLocalOf } from "../src/compaction/local-copies.js";
import { type MergeOutcome, mergeFiles } from "../src/compaction/merge.js";
import { MergeSources } from "../src/compaction/merge-source.js";
import { DirectMerging, type Merging } from "../src/compaction/merging.js";
import { RangeFiller } from "../src/compaction/range-filler.js";
import { deleteFiles } from "../src/compaction/retention.js";
import { LSError } from "../src/errors.js";
import { MeasuredClient } from "../src/metrics/measured-client.js";
import type { LTXFileInfo, LTXFileRef, OpenOptions, ReplicaClient, WriteOptions } from "../src/replica-client.js";
import { restoreTo } from "../src/restore/restore-to.js";
import { WorkerSeat } from "../src/worker/shared-worker.js";
import { WorkerMerging } from "../src/worker/worker-merging.js";

const seed = seedOf(Date.now() >>> 0);
const WORKER = new URL("./source-worker.mjs", import.meta.url);

// The thread lives as long as somebody has a seat; without this every merge would start one.
let seat: WorkerSeat | undefined;
beforeAll(() => {
  seat = new WorkerSeat(WORKER, { received: () => {}, died: () => {} });
});
afterAll(() => seat?.leave());

interface Setup {
  readonly history: LTXHistory;
  readonly memory: MemoryClient;
  readonly counter: RequestCounter;
  readonly store: FaultStore;
  list(level: number): Promise<LTXFileInfo[]>;
  merge(
    level: number,
    files: readonly LTXFileInfo[],
    more?: { readonly client?: ReplicaClient; readonly signal?: AbortSignal; readonly timestampMs?: number },
  ): Promise<MergeOutcome>;
}

async function setupWith(merging: Merging, transactions: number, maxPages = 40): Promise<Setup> {
  const history = new LTXHistory(new Random(seed), { transactions, maxPages });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const counter = new RequestCounter(memory);
  const store = new FaultStore(counter);
  return {
    history,
    memory,
    counter,
    store,
    list: (level) => list(memory, level),
    merge: (level, files, { client = store, signal = new AbortController().signal, timestampMs } = {}) =>
      mergeFiles({ client, level, files, signal, timestampMs, merging }),
  };
}

async function list(client: ReplicaClient, level: number): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of client.ltxFiles(level)) files.push(file);
  return files;
}

function flip(memory: MemoryClient, ref: LTXFileRef, at: (size: number) => number): void {
  const bytes = memory.peek(ref)?.slice() ?? new Uint8Array(0);
  const index = at(bytes.length);
  bytes[index] = (bytes[index] ?? 0) ^ 0x40;
  memory.put(ref, bytes);
}

const l0 = (txid: bigint): LTXFileRef => ({ level: 0, minTXID: txid, maxTXID: txid });
const cut = new LSError("LS_STORAGE_UNAVAILABLE", "cut", { retryable: true });

describe.each([
  { where: "on this thread", merging: new DirectMerging() },
  { where: "in the worker", merging: new WorkerMerging(WORKER, "/nonexistent") },
])(`merge $where (seed ${seed})`, ({ merging }) => {
  const setup = (transactions: number, maxPages = 40): Promise<Setup> => setupWith(merging, transactions, maxPages);

  test("[D1] the state, the range and the time are those of the newest input; every byte is verified", async () => {
    const { history, memory, merge, list: listed } = await setup(60);
    const all = await listed(0);
    const outcome = await merge(1, all.slice(9, 40));
    expect(outcome).toEqual({
      status: "written",
      file: { level: 1, minTXID: 10n, maxTXID: 40n, size: expect.any(Number), createdAt: new Date(HISTORY_START + 39_000) },
    });
    for (const file of all.slice(9, 40)) await memory.deleteLTXFiles([file]);
    const sink = new MemorySink();
    await restoreTo(memory, sink, { txid: 40n });
    expect(Buffer.from(sink.database ?? []).equals(history.state(40n))).toBe(true);
  });

  test("a snapshot has the time it is given, and holds the whole state", async () => {
    const { history, memory, merge, list: listed } = await setup(30);
    const outcome = await merge(9, await listed(0), { timestampMs: HISTORY_START + 1_000_000 });
    expect(outcome.status === "written" && outcome.file.createdAt.getTime()).toBe(HISTORY_START + 1_000_000);
    const bytes = memory.peek({ level: 9, minTXID: 1n, maxTXID: 30n }) ?? new Uint8Array(0);
    const summary = await verifyLTX(one(bytes));
    expect([summary.header.commit * summary.header.pageSize, summary.pageCount]).toEqual([history.state(30n).length, summary.header.commit]);
  });

  test("the same merge twice: the second finds its result there, and overwrites nothing", async () => {
    const { memory, merge, list: listed } = await setup(10);
    const all = await listed(0);
    expect((await merge(1, all)).status).toBe("written");
    const first = memory.peek({ level: 1, minTXID: 1n, maxTXID: 10n });
    expect(await merge(1, all)).toEqual({ status: "changed", reason: "the result is there already" });
    expect(memory.peek({ level: 1, minTXID: 1n, maxTXID: 10n })).toBe(first);
  });

  test("[D2] local copies are read instead of the destination, from where they vanish on the destination", async () => {
    const { history, memory, counter, store, list: listed } = await setup(20);
    const files = await listed(0);
    const locals = new Map(await Promise.all(files.map(async (file) => [file.maxTXID, await history.raw(file.maxTXID)] as const)));
    let reads = 0;
    const outcome = await mergeFiles({
      client: store,
      level: 1,
      files,
      signal: new AbortController().signal,
      merging: new DirectMerging(({ file, offset, size }, buffer) => {
        const bytes = locals.get(file.maxTXID);
        if (bytes === undefined || file.maxTXID === 7n) return false;
        reads++;
        buffer.set(bytes.subarray(offset, offset + size));
        return true;
      }),
    });
    expect(outcome.status).toBe("written");
    expect(reads).toBeGreaterThanOrEqual(19);
    expect(counter.count("open")).toBe(1);
    const expected = await collect(mergeLTX(files.map((file) => one(locals.get(file.maxTXID) ?? new Uint8Array(0)))));
    expect(Buffer.from(memory.peek({ level: 1, minTXID: 1n, maxTXID: 20n }) ?? []).equals(expected)).toBe(true);
  });

  test("a damaged local copy is no damaged file", async () => {
    const { history, store, list: listed } = await setup(20);
    const files = await listed(0);
    const locals = new Map(await Promise.all(files.map(async (file) => [file.maxTXID, await history.raw(file.maxTXID)] as const)));
    const outcome = await mergeFiles({
      client: store,
      level: 1,
      files,
      signal: new AbortController().signal,
      merging: new DirectMerging(({ file, offset, size }, buffer) => {
        const bytes = (locals.get(file.maxTXID) ?? new Uint8Array(0)).slice();
        if (file.maxTXID === 5n) bytes[bytes.length - 3] = (bytes[bytes.length - 3] ?? 0) ^ 1;
        buffer.set(bytes.subarray(offset, offset + size));
        return true;
      }),
    });
    expect(outcome.status).toBe("written");
  });

  test.each([1n, 9n, 20n])("damage in file %i: it is named, whatever is damaged, and nothing is written", async (txid) => {
    for (const at of [(): number => 2, (size: number): number => 100 + Math.floor((size - 200) / 2), (size: number): number => size - 2]) {
      const { memory, merge, list: listed } = await setup(20);
      flip(memory, l0(txid), at);
      const outcome = await merge(1, await listed(0));
      expect(outcome).toMatchObject({ status: "damaged", files: [{ level: 0, minTXID: txid, maxTXID: txid }] });
      expect(await listed(1)).toEqual([]);
    }
  });

  test("a truncated, an empty and a swapped file are each named", async () => {
    const { history, memory, merge, list: listed } = await setup(20);
    memory.put(l0(4n), (await history.raw(4n)).subarray(0, -17));
    memory.put(l0(6n), new Uint8Array(0));
    memory.put(l0(8n), await history.raw(9n));
    const outcome = await merge(1, await listed(0));
    expect(outcome.status === "damaged" && outcome.files.map((file) => file.maxTXID)).toEqual([4n, 6n, 8n]);
    expect(await listed(1)).toEqual([]);
  });

  test("a file that shrank since it was listed is named, one that is gone asks for a new listing", async () => {
    const { history, memory, merge, list: listed } = await setup(8);
    const files = await listed(0);
    memory.put(l0(4n), (await history.raw(4n)).subarray(0, -17));
    // What is short may be a broken connection: it is asked for again for seconds.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const running = merge(1, files);
    await vi.advanceTimersByTimeAsync(30_000);
    vi.useRealTimers();
    expect(await running).toMatchObject({ status: "damaged", files: [{ maxTXID: 4n }] });
    memory.put(l0(4n), await history.raw(4n));
    await memory.deleteLTXFiles([l0(5n)]);
    expect(await merge(1, files)).toEqual({ status: "changed", reason: "a file was deleted meanwhile" });
    expect(await listed(1)).toEqual([]);
  });

  test("sound files that make no database together are all named: nothing is tried for ever", async () => {
    const { history, memory, merge, list: listed } = await setup(8);
    // A snapshot that claims to hold all, made of files that lack the first.
    memory.put({ level: 9, minTXID: 1n, maxTXID: 3n }, await history.image(1n, 3n));
    const other = new LTXHistory(new Random(seed + 1), { transactions: 8, maxPages: 400 });
    memory.put(l0(4n), await other.raw(4n));
    const files = [...(await listed(9)), ...(await listed(0)).slice(3)];
    const outcome = await merge(9, files);
    // Whether the two histories fit by accident depends on their sizes; what must not happen is an endless attempt or a partial result.
    if (outcome.status === "damaged") expect(outcome.files).toHaveLength(files.length);
    else expect(outcome.status).toBe("written");
  });

  test("a merge that is asked for nonsense blames no file", async () => {
    const { merge, list: listed } = await setup(8);
    await expect(merge(9, await listed(0), { timestampMs: 1.5 })).rejects.toMatchObject({ code: "LS_INTERNAL" });
    expect(await listed(9)).toEqual([]);
  });

  test("[D4] connections that break are taken up again", async () => {
    const { counter, store, merge, list: listed } = await setup(50, 400);
    store.arm({ operation: "open", fault: { kind: "drop", afterBytes: 100 }, times: 6 });
    const outcome = await merge(1, await listed(0));
    expect(outcome.status).toBe("written");
    expect(counter.count("open")).toBe(56);
  });

  test("a slow line is given time: 100 s for an answer, a quarter of an hour for a destination that does not move", async () => {
    const { memory, store, merge, list: listed } = await setup(20);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const answered = vi.fn();
      class Slow extends MemoryClient {
        override async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
          const parts: Uint8Array[] = [];
          for await (const chunk of data) parts.push(chunk.slice());
          answered();
          await new Promise((resolve) => setTimeout(resolve, 100_000));
          options?.signal?.throwIfAborted();
          return memory.writeLTXFile(ref, one(Buffer.concat(parts)), options);
        }
      }
      const files = await listed(0);
      const slow = new Slow();
      for (const file of files) slow.put(file, memory.peek(file) ?? new Uint8Array(0));
      const running = merge(1, files, { client: slow });
      await vi.waitFor(() => expect(answered).toHaveBeenCalled(), { timeout: 20_000 });
      await vi.advanceTimersByTimeAsync(100_000);
      expect((await running).status).toBe("written");

      store.arm({ operation: "write", fault: { kind: "hang" } });
      const hanging = merge(2, files);
      const failed = expect(hanging).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE", retryable: true });
      await vi.advanceTimersByTimeAsync(16 * 60_000);
      await failed;
    } finally {
      vi.useRealTimers();
    }
  });

  test("a destination that fails: the error comes out, nothing is visible, and nothing stays behind", async () => {
    const { store, merge, list: listed } = await setup(20);
    store.arm({ operation: "write", fault: { kind: "drop", afterBytes: 100 } });
    await expect(merge(1, await listed(0))).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE" });
    store.heal();
    store.arm({ operation: "open", fault: { kind: "fail", error: new LSError("LS_STORAGE_DENIED", "no") }, after: 3 });
    await expect(merge(1, await listed(0))).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    expect(await listed(1)).toEqual([]);
  });

  test("a destination that takes fewer bytes than it was given does not pass for success", async () => {
    const { merge, list: listed, memory } = await setup(20);
    class Short extends ClientWrapper {
      override async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>): Promise<LTXFileInfo> {
        return { ...(await super.writeLTXFile(ref, data)), size: 7 };
      }
    }
    const short = new Short(memory);
    await expect(merge(1, await listed(0), { client: short })).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE", retryable: true });
  });

  test("an abort ends it at once, with the signal's reason", async () => {
    for (const operation of ["open", "write"] as const) {
      const { store, merge, list: listed } = await setup(20);
      store.arm({ operation, fault: { kind: "hang" } });
      const abort = new AbortController();
      const running = merge(1, await listed(0), { signal: abort.signal });
      setTimeout(() => abort.abort(cut), 20);
      await expect(running).rejects.toBe(cut);
      expect(await listed(1)).toEqual([]);
    }
  });

  test("hundreds of inputs of several ranges: few requests at a time, the bytes are right", async () => {
    const { memory, list: listed } = await setup(150);
    const files = await listed(0);
    let running = 0;
    let most = 0;
    class Counted extends ClientWrapper {
      override async *openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncGenerator<Uint8Array> {
        most = Math.max(most, ++running);
        try {
          await new Promise((resolve) => setTimeout(resolve, 0));
          yield* super.openLTXFile(ref, options);
        } finally {
          running--;
        }
      }
    }
    const counted = new Counted(memory);
    const sources = new MergeSources({
      totalBytes: files.reduce((sum, file) => sum + file.size, 0),
      fetch: async (ranges, buffer, signal) => {
        await new RangeFiller(counted, signal).fill(ranges, buffer);
        return buffer;
      },
      readLocal: undefined,
      rangeBytes: 700,
      reads: 4,
      signal: new AbortController().signal,
    });
    const merged = await collect(mergeLTX(await sources.open(files)));
    sources.end();
    const expected = await collect(mergeLTX(files.map((file) => one(memory.peek(file) ?? new Uint8Array(0)))));
    expect(Buffer.from(merged).equals(expected)).toBe(true);
    // Of small files there may be more under way, which are asked for together.
    expect(most).toBeLessThanOrEqual(16);
    expect(decodeLTXHeader(merged).maxTXID).toBe(150n);
    expect(running).toBe(0);
  });

  test("when a fetch fails, the others are ended, and no other is begun", async () => {
    const { list: listed } = await setup(50);
    const files = (await listed(0)).map((file) => ({ ...file, size: 64 * 1024 }));
    const failed = new Error("gone");
    const begun: bigint[] = [];
    let running = 0;
    const sources = new MergeSources({
      totalBytes: files.reduce((sum, file) => sum + file.size, 0),
      fetch: async ([range], buffer, signal) => {
        const txid = range?.file.minTXID ?? 0n;
        begun.push(txid);
        running++;
        try {
          if (txid === 10n) throw failed;
          if (txid > 6n) await once(signal, "abort");
          // What was asked for before the end may still arrive after it.
          await new Promise((resolve) => setTimeout(resolve, 5));
          return buffer;
        } finally {
          running--;
        }
      },
      readLocal: undefined,
      rangeBytes: 1024 * 1024,
      reads: 4,
      signal: new AbortController().signal,
    });
    await expect(sources.open(files)).rejects.toBe(failed);
    expect(running).toBe(0);
    expect(begun).toEqual(Array.from({ length: 10 }, (_, i) => BigInt(i + 1)));
  });

  test("small files are fetched together, and only as many as half a MiB holds", async () => {
    const { list: listed } = await setup(50);
    const files = (await listed(0)).map((file) => ({ ...file, size: 30_000 }));
    const batches: number[] = [];
    const sources = new MergeSources({
      totalBytes: files.reduce((sum, file) => sum + file.size, 0),
      fetch: async (ranges, buffer) => {
        expect(buffer.length).toBeGreaterThanOrEqual(ranges.length * 30_000);
        batches.push(ranges.length);
        let at = 0;
        for (const { file, size } of ranges) {
          buffer.fill(Number(file.minTXID), at, at + size);
          at += size;
        }
        return buffer;
      },
      readLocal: undefined,
      rangeBytes: 1024 * 1024,
      reads: 4,
      signal: new AbortController().signal,
    });
    const opened = await sources.open(files);
    sources.end();
    expect(batches).toEqual([17, 17, 16]);
    for (const [i, source] of opened.entries()) expect(Buffer.concat(source as Uint8Array[]).equals(Buffer.alloc(30_000, i + 1))).toBe(true);
  });

  describe("a destination in a directory", () => {
    const tmp = tempDir();
    afterAll(() => tmp[Symbol.dispose]());

    /** The files of a destination also lie in its directory; what the client is asked for is counted. */
    async function inDirectory(name: string) {
      const { memory, counter, list: listed } = await setup(30);
      const directory = tmp.file(name);
      const pathOf = (ref: LTXFileRef): string => join(directory, "ltx", String(ref.level), formatLTXFilename(ref.minTXID, ref.maxTXID));
      const files = await listed(0);
      mkdirSync(join(directory, "ltx", "0"), { recursive: true });
      for (const file of files) writeFileSync(pathOf(file), memory.peek(file) ?? "");
      const client = Object.assign(new RequestCounter(memory), { localDirectory: async () => directory });
      return { memory, client, asked: () => client.count("open"), files, pathOf, plain: counter };
    }

    test("is read without the client", async () => {
      const { memory, client, asked, files, plain } = await inDirectory("read");
      const merging = new DirectMerging();
      const signal = new AbortController().signal;
      expect(await mergeFiles({ client: plain, level: 1, files, signal, merging })).toMatchObject({ status: "written" });
      const expected = Buffer.from(memory.peek({ level: 1, minTXID: 1n, maxTXID: 30n }) ?? "");
      expect(await mergeFiles({ client: new MeasuredClient(client), level: 2, files, signal, merging })).toMatchObject({ status: "written" });
      expect(expected.equals(memory.peek({ level: 2, minTXID: 1n, maxTXID: 30n }) ?? Buffer.alloc(0))).toBe(true);
      expect(asked()).toBe(0);
    });

    test("one that does not say where it lies does not hold up a merge that is given up", async () => {
      const { client, files } = await inDirectory("silent");
      let isAsked = (): void => {};
      const asked = new Promise<void>((resolve) => {
        isAsked = resolve;
      });
      const silent = Object.assign(client, {
        localDirectory: () => {
          isAsked();
          return new Promise<never>(() => {});
        },
      });
      const given = new AbortController();
      const merge = mergeFiles({ client: silent, level: 1, files, signal: given.signal, merging: new DirectMerging() });
      await asked;
      given.abort(cut);
      await expect(merge).rejects.toBe(cut);
    });

    test("what cannot be read there is asked of the client, and what is damaged there is read by the client before anything is said of it", async () => {
      const { client, asked, files, pathOf } = await inDirectory("asked");
      const signal = new AbortController().signal;
      rmSync(pathOf(l0(3n)));
      truncateSync(pathOf(l0(7n)), 200);
      rmSync(pathOf(l0(9n)));
      mkdirSync(pathOf(l0(9n)));
      const merging = new DirectMerging(readLocalOf(tmp.file("no-copies")));
      expect(await mergeFiles({ client, level: 1, files, signal, merging })).toMatchObject({ status: "written" });
      expect(asked()).toBe(3);
      const damaged = readFileSync(pathOf(l0(20n)));
      damaged[150] = (damaged[150] ?? 0) ^ 1;
      writeFileSync(pathOf(l0(20n)), damaged);
      expect(await mergeFiles({ client, level: 2, files, signal, merging })).toMatchObject({ status: "written" });
    });
  });
});

describe("deletion", () => {
  test("all of it, in batches", async () => {
    const { memory, counter, list: listed } = await setupWith(new DirectMerging(), 10);
    const files = Array.from({ length: 2500 }, (_, i) => ({ level: 0, minTXID: BigInt(i + 1), maxTXID: BigInt(i + 1), size: 1, createdAt: new Date(0) }));
    const outcome = await deleteFiles(counter, files, new AbortController().signal);
    expect([outcome.deleted.length, outcome.failures.length, outcome.isAppendOnly, counter.count("delete")]).toEqual([2500, 0, false, 3]);
    expect(await listed(0)).toEqual([]);
    expect(memory).toBeDefined();
  });

  test("per-key failures surface, and only what is certain counts as gone", async () => {
    const { store, list: listed } = await setupWith(new DirectMerging(), 10);
    store.arm({ operation: "delete", fault: { kind: "keep", refuse: (ref) => ref.maxTXID === 3n } });
    const outcome = await deleteFiles(store, (await listed(0)).slice(0, 5), new AbortController().signal);
    expect([outcome.deleted.length, outcome.failures.length, outcome.isAppendOnly]).toEqual([0, 1, false]);
    expect((await listed(0)).map((file) => file.maxTXID)).toEqual([3n, 6n, 7n, 8n, 9n, 10n]);
  });

  test("a destination that lets nothing be deleted is known for it", async () => {
    const { store, list: listed } = await setupWith(new DirectMerging(), 3);
    const denied = new LSError("LS_STORAGE_DENIED", "retention lock");
    store.arm({ operation: "delete", fault: { kind: "fail", error: new AggregateError([denied, denied], "locked") } });
    expect((await deleteFiles(store, await listed(0), new AbortController().signal)).isAppendOnly).toBe(true);
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}
