import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatLTXFilename, LTXEncoder } from "@ls/ltx";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { HISTORY_START, LTXHistory } from "../../../testkit/src/ltx-history.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { bytesOf } from "../src/bytes-of.js";
import { readLocalOf } from "../src/compaction/local-copies.js";
import { DirectMerging, type MergeJob } from "../src/compaction/merging.js";
import { RangeFiller } from "../src/compaction/range-filler.js";
import type { FetchRanges } from "../src/compaction/range-source.js";
import { LSError } from "../src/errors.js";
import type { LTXFileInfo } from "../src/replica-client.js";
import { WorkerSeat } from "../src/worker/shared-worker.js";
import { WorkerMerging } from "../src/worker/worker-merging.js";

const seed = seedOf(Date.now() >>> 0);
const WORKER = new URL("./source-worker.mjs", import.meta.url);
const PAGE_SIZE = 4096;

let metaPath = "";
let seat: WorkerSeat | undefined;
beforeAll(() => {
  metaPath = mkdtempSync(join(tmpdir(), "ls-merging-"));
  seat = new WorkerSeat(WORKER, { received: () => {}, died: () => {} });
});
afterAll(async () => {
  await seat?.leave();
  rmSync(metaPath, { recursive: true, force: true });
});

const never: FetchRanges = () => Promise.reject(new Error("nothing is to be fetched"));
const signal = (): AbortSignal => new AbortController().signal;

function fetchFrom(memory: MemoryClient, fetched: (bytes: number) => void = () => {}): FetchRanges {
  return async (ranges, buffer, abort) => {
    await new RangeFiller(memory, abort).fill(ranges, buffer);
    fetched(bytesOf(ranges));
    return buffer;
  };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

async function listed(memory: MemoryClient): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of memory.ltxFiles(0)) files.push(file);
  return files;
}

/** Two cuts of the whole database, pages of which do not compress. */
async function large(pages: number): Promise<{ readonly memory: MemoryClient; readonly job: MergeJob }> {
  const random = new Random(seed);
  const memory = new MemoryClient();
  for (const txid of [1n, 2n]) {
    const encoder = new LTXEncoder({ pageSize: PAGE_SIZE, commit: pages, minTXID: txid, maxTXID: txid, timestampMs: HISTORY_START });
    const parts: Uint8Array[] = [];
    for (let pgno = 1; pgno <= pages; pgno++) {
      encoder.input.set(random.bytes(PAGE_SIZE));
      parts.push(encoder.encodeBatch(Uint32Array.of(pgno), 1, Uint32Array.of(0)).slice());
    }
    parts.push(encoder.finish());
    memory.put({ level: 0, minTXID: txid, maxTXID: txid }, Buffer.concat(parts));
    encoder.dispose();
  }
  return { memory, job: { files: await listed(memory), withLocalCopies: false } };
}

test(`local copies never pass through the calling thread (seed ${seed})`, async () => {
  const history = new LTXHistory(new Random(seed), { transactions: 30, maxPages: 60 });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const files = await listed(memory);
  const directory = join(metaPath, "ltx", "0");
  mkdirSync(directory, { recursive: true });
  for (const file of files) writeFileSync(join(directory, formatLTXFilename(file.minTXID, file.maxTXID)), memory.peek(file) ?? "");
  const job: MergeJob = { files, withLocalCopies: true };
  const merged = await collect(new WorkerMerging(WORKER, metaPath).merge(job, never, signal()));
  expect(merged.equals(await collect(new DirectMerging(readLocalOf(metaPath)).merge(job, never, signal())))).toBe(true);

  // One copy is gone, and two are not what the destination holds: only those are fetched.
  rmSync(join(directory, formatLTXFilename(7n, 7n)));
  appendFileSync(join(directory, formatLTXFilename(9n, 9n)), "x");
  truncateSync(join(directory, formatLTXFilename(11n, 11n)), (files[10]?.size ?? 0) - 1);
  let fetched = 0;
  const again = await collect(
    new WorkerMerging(WORKER, metaPath).merge(
      job,
      fetchFrom(memory, (bytes) => {
        fetched += bytes;
      }),
      signal(),
    ),
  );
  expect(again.equals(merged)).toBe(true);
  expect(fetched).toBe([6, 8, 10].reduce((sum, i) => sum + (files[i]?.size ?? 0), 0));
});

test("where the destination lies in a directory, the worker reads it there", async () => {
  const history = new LTXHistory(new Random(seed), { transactions: 20, maxPages: 40 });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const files = (await listed(memory)).map((file) => ({ ...file, level: 3 }));
  const localDirectory = mkdtempSync(join(metaPath, "replica-"));
  mkdirSync(join(localDirectory, "ltx", "3"), { recursive: true });
  for (const file of files)
    writeFileSync(join(localDirectory, "ltx", "3", formatLTXFilename(file.minTXID, file.maxTXID)), memory.peek({ ...file, level: 0 }) ?? "");
  const merged = await collect(new WorkerMerging(WORKER, "/nonexistent").merge({ files, withLocalCopies: false, localDirectory }, never, signal()));
  const expected = await collect(new DirectMerging().merge({ files: await listed(memory), withLocalCopies: false }, fetchFrom(memory), signal()));
  expect(merged.equals(expected)).toBe(true);
});

test("many small files of the destination go between the threads together", async () => {
  const history = new LTXHistory(new Random(seed), { transactions: 200, maxPages: 40 });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const files = await listed(memory);
  const received = vi.spyOn(WorkerSeat.prototype, "receive");
  const merged = await collect(new WorkerMerging(WORKER, metaPath).merge({ files, withLocalCopies: false }, fetchFrom(memory), signal()));
  const messages = received.mock.calls.length;
  vi.restoreAllMocks();
  expect(merged.equals(await collect(new DirectMerging().merge({ files, withLocalCopies: false }, fetchFrom(memory), signal())))).toBe(true);
  // Half a MiB of them each, and the answers.
  expect(messages).toBeLessThanOrEqual(2 + 2 * Math.ceil(bytesOf(files) / (256 * 1024)));
});

test("a small merge takes hardly more memory on its way than it has bytes", async () => {
  const history = new LTXHistory(new Random(seed), { transactions: 5, maxPages: 20 });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const files = await listed(memory);
  let bytes = 0;
  let taken = 0;
  for await (const chunk of new WorkerMerging(WORKER, metaPath).merge({ files, withLocalCopies: false }, fetchFrom(memory), signal())) {
    bytes += chunk.length;
    taken += chunk.buffer.byteLength;
  }
  expect(bytes).toBeGreaterThan(0);
  expect(taken).toBeLessThanOrEqual(files.reduce((sum, file) => sum + file.size, 0) + 1024);
});

test("a merge of small local files takes one message each way, and the worker has forgotten it then", async () => {
  const { memory, job } = await large(4);
  const local = mkdtempSync(join(metaPath, "small-"));
  mkdirSync(join(local, "ltx", "0"), { recursive: true });
  for (const file of job.files) writeFileSync(join(local, "ltx", "0", formatLTXFilename(file.minTXID, file.maxTXID)), memory.peek(file) ?? "");
  const sent = vi.spyOn(WorkerSeat.prototype, "send");
  const received = vi.spyOn(WorkerSeat.prototype, "receive");
  expect(await collect(new WorkerMerging(WORKER, local).merge({ ...job, withLocalCopies: true }, never, signal()))).not.toHaveLength(0);
  expect([sent.mock.calls.length, received.mock.calls.length]).toEqual([1, 1]);
  vi.restoreAllMocks();

  const own = new WorkerSeat(WORKER, { received: () => {}, died: () => {} });
  expect(await own.request("merge", { files: job.files, timestampMs: undefined, metaPath: local, localDirectory: undefined })).toMatchObject({ isLast: true });
  await expect(own.request("mergeNext", undefined)).rejects.toThrow("nobody has this seat");
  await own.leave({ isForgotten: true });
});

test("[P9] while nobody asks for more, nothing more is fetched", async () => {
  const { memory, job } = await large(4096);
  let fetched = 0;
  const fetch = fetchFrom(memory, (bytes) => {
    fetched += bytes;
  });
  const chunks = new WorkerMerging(WORKER, metaPath).merge(job, fetch, signal())[Symbol.asyncIterator]();
  let received = (await chunks.next()).value?.length ?? 0;
  expect(received).toBeLessThan(2 * 1024 * 1024);
  await new Promise((resolve) => setTimeout(resolve, 200));
  // Of each of the two files what is being read and one range ahead, of 1 MiB each.
  expect(fetched).toBeLessThanOrEqual(received * 2 + 4 * 1024 * 1024);
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) received += next.value.length;
  expect(received).toBeGreaterThan(4096 * PAGE_SIZE);
  expect(fetched).toBe(job.files.reduce((sum, file) => sum + file.size, 0));
});

test("who stops reading, or aborts, leaves nothing running", async () => {
  const { memory, job } = await large(2048);
  let running = 0;
  const counted: FetchRanges = async (ranges, buffer, abort) => {
    running++;
    try {
      return await fetchFrom(memory)(ranges, buffer, abort);
    } finally {
      running--;
    }
  };
  for await (const chunk of new WorkerMerging(WORKER, metaPath).merge(job, counted, signal())) {
    expect(chunk.length).toBeGreaterThan(100);
    break;
  }
  expect(running).toBe(0);

  const abort = new AbortController();
  const reason = new Error("enough");
  const hanging: FetchRanges = (_ranges, _buffer, ended) =>
    new Promise((_, reject) => {
      running++;
      ended.addEventListener("abort", () => {
        running--;
        reject(ended.reason);
      });
      setTimeout(() => abort.abort(reason), 20);
    });
  await expect(collect(new WorkerMerging(WORKER, metaPath).merge(job, hanging, abort.signal))).rejects.toBe(reason);
  expect(running).toBe(0);
});

test("what a fetch fails with comes out as it is", async () => {
  const { job } = await large(16);
  const denied = new LSError("LS_STORAGE_DENIED", "no");
  const merging = new WorkerMerging(WORKER, metaPath);
  await expect(collect(merging.merge(job, () => Promise.reject(denied), signal()))).rejects.toBe(denied);
  const [file] = job.files;
  if (file === undefined) throw new Error("no file");
  await expect(merging.verify(file, () => Promise.reject(denied), signal())).rejects.toBe(denied);
});
