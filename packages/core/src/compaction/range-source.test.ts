import { expect, test } from "vitest";
import { Random, seedOf } from "../../../../testkit/src/random.js";
import { bytesOf } from "../bytes-of.js";
import type { LTXFileInfo } from "../replica-client.js";
import { MergeSources, type SourceOptions } from "./merge-source.js";
import { LocalSource, type ReadLocal } from "./range-source.js";

const seed = seedOf(Date.now() >>> 0);
const KIB = 1024;
const content = new Random(seed).bytes(700 * KIB + 13);
const file: LTXFileInfo = { level: 0, minTXID: 1n, maxTXID: 1n, size: content.length, createdAt: new Date(0) };

/** Reads the local copy as far as this many bytes; behind them it is gone. */
function copyUpTo(bytes: number): ReadLocal {
  return ({ offset, size }, buffer) => {
    if (offset + size > bytes) return false;
    buffer.set(content.subarray(offset, offset + size));
    return true;
  };
}

function sourcesWith(options: Partial<SourceOptions>): MergeSources {
  return new MergeSources({
    totalBytes: content.length,
    fetch: async (ranges, buffer) => {
      let at = 0;
      for (const { offset, size } of ranges) {
        buffer.set(content.subarray(offset, offset + size), at);
        at += size;
      }
      return buffer;
    },
    readLocal: undefined,
    rangeBytes: 256 * KIB,
    reads: 4,
    signal: new AbortController().signal,
    ...options,
  });
}

interface Read {
  readonly bytes: Buffer;
  /** For each chunk, whether it came at once. */
  readonly atOnce: readonly boolean[];
}

async function readAll(source: LocalSource): Promise<Read> {
  const chunks: Uint8Array[] = [];
  const atOnce: boolean[] = [];
  for (;;) {
    const next = source.next();
    const { value, done } = await next;
    if (done === true) return { bytes: Buffer.concat(chunks), atOnce };
    chunks.push(value.slice());
    atOnce.push(!("then" in next));
  }
}

test(`a local copy is read in one buffer, and at once (seed ${seed})`, async () => {
  const buffers = new Set<ArrayBufferLike>();
  const readCopy = copyUpTo(content.length);
  const readLocal: ReadLocal = (range, buffer) => {
    buffers.add(buffer.buffer);
    return readCopy(range, buffer);
  };
  const fetch = (): Promise<never> => Promise.reject(new Error("nothing is to be fetched"));
  const sources = sourcesWith({ fetch, readLocal });
  // A slice of the thread lasts four milliseconds, which a busy machine may take between two lines.
  Object.defineProperty(sources.slicer, "due", { value: false });
  const [source] = await sources.open([file]);
  if (!(source instanceof LocalSource)) throw new Error("not read from the copy");
  const { bytes, atOnce } = await readAll(source);
  expect(bytes.equals(content)).toBe(true);
  expect(atOnce).toEqual(Array.from({ length: 6 }, () => true));
  expect(buffers.size).toBe(1);
});

test(`where the copy vanishes, the destination goes on (seed ${seed})`, async () => {
  let fetched = 0;
  const inner = sourcesWith({});
  const sources = sourcesWith({
    fetch: (ranges, buffer, signal) => {
      fetched += bytesOf(ranges);
      return inner.fetch(ranges, buffer, signal);
    },
  });
  const { bytes } = await readAll(new LocalSource(sources, file, copyUpTo(300 * KIB)));
  expect(bytes.equals(content)).toBe(true);
  expect(fetched).toBe(content.length - 256 * KIB);
});

test("long reading gives the event loop its turns, and hears in them that the merge is given up", async () => {
  const parent = new AbortController();
  const reason = new Error("enough");
  const readCopy = copyUpTo(content.length);
  let turns = 0;
  const readLocal: ReadLocal = (range, buffer) => {
    const until = performance.now() + 5;
    while (performance.now() < until);
    setImmediate(() => {
      if (++turns === 3) parent.abort(reason);
    });
    return readCopy(range, buffer);
  };
  const sources = sourcesWith({ readLocal, signal: parent.signal });
  await expect(readAll(new LocalSource(sources, file, readLocal))).rejects.toBe(reason);
  expect(turns).toBe(3);
  expect(sources.signal.reason).toBe(reason);
});

test("a copy that cannot be read ends the merge", async () => {
  const failure = new Error("the disk is broken");
  const readLocal: ReadLocal = () => {
    throw failure;
  };
  const sources = sourcesWith({ readLocal });
  const source = new LocalSource(sources, file, readLocal);
  await expect(async () => source.next()).rejects.toBe(failure);
  expect(sources.signal.reason).toBe(failure);
});
