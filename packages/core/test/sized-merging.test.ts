import { LTX_HEADER_SIZE } from "@ls/ltx";
import { expect, test } from "vitest";
import { LTXHistory } from "../../../testkit/src/ltx-history.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { DirectMerging } from "../src/compaction/merging.js";
import { RangeFiller } from "../src/compaction/range-filler.js";
import type { FetchRanges } from "../src/compaction/range-source.js";
import type { LTXFileInfo } from "../src/replica-client.js";
import { SizedMerging } from "../src/worker/sized-merging.js";
import { WorkerMerging } from "../src/worker/worker-merging.js";

const seed = seedOf(Date.now() >>> 0);
/** Whatever is sent there fails. */
const nowhere = new WorkerMerging(new URL("./no-such-worker.mjs", import.meta.url), "/nonexistent");

async function listed(memory: MemoryClient): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of memory.ltxFiles(0)) files.push(file);
  return files;
}

function fetchFrom(memory: MemoryClient): FetchRanges {
  return async (ranges, buffer, signal) => {
    await new RangeFiller(memory, signal).fill(ranges, buffer);
    return buffer;
  };
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

test(`a few small files are merged and verified on the calling thread, more of them or larger ones in the worker (seed ${seed})`, async () => {
  const history = new LTXHistory(new Random(seed), { transactions: 9, maxPages: 2 });
  const memory = new MemoryClient();
  await history.putAll(memory, history.rawRefs());
  const nine = await listed(memory);
  const eight = nine.slice(0, 8);
  const { signal } = new AbortController();
  const direct = new DirectMerging();
  const sized = new SizedMerging(direct, nowhere);
  const fetch = fetchFrom(memory);
  const merge = (files: readonly LTXFileInfo[]) => collect(sized.merge({ files, withLocalCopies: false }, fetch, signal));

  const here = await merge(eight);
  expect(here.length).toBeGreaterThan(LTX_HEADER_SIZE);
  expect(here.equals(await collect(direct.merge({ files: eight, withLocalCopies: false }, fetch, signal)))).toBe(true);
  await expect(merge(nine)).rejects.toThrow();

  const [first, second] = nine;
  if (first === undefined || second === undefined) throw new Error("the history is too short");
  expect((await sized.verify(first, fetch, signal)).header.maxTXID).toBe(first.maxTXID);
  const size = 16 * 1024 - first.size + 1;
  await expect(merge([first, { ...second, size }])).rejects.toThrow(/worker/i);
  await expect(sized.verify({ ...first, size: 16 * 1024 + 1 }, fetch, signal)).rejects.toThrow(/worker/i);
});
