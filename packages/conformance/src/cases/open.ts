import assert from "node:assert/strict";
import { isLSError } from "@ls/core/backend-kit";
import type { ConformanceCase } from "../case.js";
import { joined } from "../joined.js";
import { range, ref } from "../ltx-file.js";
import { assertCode, assertSameBytes, assertStored, bytesOf, shown, write } from "../observe.js";

const MIB = 1024 * 1024;

export const OPEN_CASES: readonly ConformanceCase[] = [
  {
    id: "open.sizes",
    title: "files from a bare header to several MiB come back as they were",
    duty: "The bytes of one file.",
    run: async (context) => {
      const client = context.client();
      for (const size of [100, 101, 4095, 4096, 65_537, MIB - 1, MIB, 5 * MIB, 5 * MIB + 1, 12 * MIB + 7]) {
        const bytes = await write(client, ref(1n), { size, seed: size });
        await assertStored(client, ref(1n), bytes, `${size} bytes`);
      }
    },
  },
  {
    id: "open.ranges",
    title: "offset and size, at the start, in the middle, up to the end",
    duty: "offset: first byte wanted, default 0; size: at most this many bytes, undefined or 0 = to the end.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n), { size: 300_000 });
      for (const [offset, size] of [
        [0, 100],
        [0, 0],
        [0, 300_000],
        [0, 300_001],
        [1, 1],
        [100, 0],
        [100, undefined],
        [undefined, 100],
        [65_535, 2],
        [131_000, 131_073],
        [299_976, 24],
        [299_976, 1000],
        [299_999, 0],
        [299_999, 1],
      ] as const) {
        const end = size === undefined || size === 0 ? bytes.length : Math.min((offset ?? 0) + size, bytes.length);
        assertSameBytes(await bytesOf(client, ref(1n), { offset, size }), bytes.subarray(offset ?? 0, end), `offset ${offset}, size ${size}`);
      }
    },
  },
  {
    id: "open.pastEnd",
    title: "an offset at or behind the end gives nothing",
    duty: "An offset at or beyond the end yields nothing.",
    run: async (context) => {
      const client = context.client();
      await write(client, ref(1n), { size: 500 });
      for (const [offset, size] of [
        [500, 0],
        [500, 1],
        [501, 0],
        [5_000_000, 10],
      ] as const) {
        assert.equal((await bytesOf(client, ref(1n), { offset, size })).length, 0, `offset ${offset}, size ${size}`);
      }
    },
  },
  {
    id: "open.missing",
    title: "a missing file has its own error, also in a place that never was",
    duty: "A missing file is LS_LTX_FILE_NOT_FOUND.",
    run: async (context) => {
      const client = context.client();
      await assertCode("LS_LTX_FILE_NOT_FOUND", bytesOf(client, ref(1n)), "opening a file of a new place");
      await write(client, range(1n, 5n));
      for (const missing of [ref(1n), range(1n, 4n), range(1n, 6n), range(2n, 5n), range(1n, 5n, 1)]) {
        await assertCode("LS_LTX_FILE_NOT_FOUND", bytesOf(client, missing), `opening ${missing.minTXID}-${missing.maxTXID} of level ${missing.level}`);
      }
      await assertCode("LS_LTX_FILE_NOT_FOUND", bytesOf(client, ref(9n), { offset: 10, size: 10 }), "opening a part of a missing file");
    },
  },
  {
    id: "open.lazy",
    title: "nothing happens before the first chunk is asked for",
    duty: "Nothing is acquired before the first next() of a returned iterable.",
    run: async (context) => {
      const client = context.client();
      const stream = client.openLTXFile(ref(1n));
      const bytes = await write(context.client(), ref(1n));
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk);
      assertSameBytes(joined(chunks), bytes, "a file written before the first next()");
    },
  },
  {
    id: "open.leftEarly",
    title: "a file may be left after the first chunk",
    duty: "Leaving the loop early releases what was acquired.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n), { size: 3 * MIB });
      for (let round = 0; round < 5; round++) {
        for await (const chunk of client.openLTXFile(ref(1n))) {
          assertSameBytes(chunk, bytes.subarray(0, chunk.length), "the first chunk");
          break;
        }
      }
      await assertStored(client, ref(1n), bytes, "the file after that");
    },
  },
  {
    id: "open.chunksAreOurs",
    title: "chunks stay as they are, and writing into them changes nothing",
    duty: "Chunks belong to the caller, unless it says reuseChunks.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n), { size: 3 * MIB });
      const chunks: Uint8Array[] = [];
      for await (const chunk of client.openLTXFile(ref(1n))) {
        assert.ok(chunk instanceof Uint8Array, "a chunk is a Uint8Array");
        chunks.push(chunk);
      }
      assertSameBytes(joined(chunks), bytes, "chunks kept to the end");
      for (const chunk of chunks) chunk.fill(0);
      await assertStored(client, ref(1n), bytes, "the file after its chunks were overwritten");
    },
  },
  {
    id: "open.reuseChunks",
    title: "with reuseChunks the bytes are the same",
    duty: "reuseChunks: a hint that chunk memory may be handed out again when the next one is asked for.",
    run: async (context) => {
      const client = context.client();
      const bytes = await write(client, ref(1n), { size: 3 * MIB });
      assertSameBytes(await bytesOf(client, ref(1n), { reuseChunks: true }), bytes, "the file");
    },
  },
  {
    id: "open.replaced",
    title: "a file that is replaced while it is read is the old one, or an error",
    duty: "One that is replaced meanwhile gives its old bytes, or an error that is not retryable: never a mixture of both.",
    run: async (context) => {
      const client = context.client();
      const old = await write(client, ref(1n), { size: 5 * MIB, seed: 1 });
      const chunks: Uint8Array[] = [];
      try {
        for await (const chunk of client.openLTXFile(ref(1n))) {
          if (chunks.length === 0) await write(context.client(), ref(1n), { size: 5 * MIB, seed: 2 });
          chunks.push(chunk.slice());
        }
      } catch (error) {
        assert.ok(isLSError(error), `the error is an LSError, not: ${shown(error)}`);
        assert.ok(!error.retryable, `who went on at the byte that was reached would mix both files: ${shown(error)} is not retryable`);
        return;
      }
      assertSameBytes(joined(chunks), old, "the file that was opened");
    },
  },
  {
    id: "open.parallel",
    title: "parts of one file and other files at the same time",
    duty: "Call any method concurrently: restore reads eight files, or eight parts of one, at a time.",
    run: async (context) => {
      const client = context.client();
      const [first, second] = [await write(client, ref(1n), { size: MIB, seed: 1 }), await write(client, ref(2n), { size: MIB, seed: 2 })];
      const parts = Array.from({ length: 8 }, (_, i) => bytesOf(client, ref(1n), { offset: i * 131_072, size: 131_072 }));
      const whole = bytesOf(client, ref(2n));
      assertSameBytes(joined(await Promise.all(parts)), first, "the parts together");
      assertSameBytes(await whole, second, "the other file");
    },
  },
];
