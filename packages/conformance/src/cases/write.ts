import assert from "node:assert/strict";
import type { ConformanceCase } from "../case.js";
import { HEADER_TIME, ltxBytes, range, ref } from "../ltx-file.js";
import { assertAbsent, assertCode, assertStored, listed, listedNames, rejection, write } from "../observe.js";
import { chunked, chunkedInPlace, PausedSource } from "../sources.js";

const MIB = 1024 * 1024;

export const WRITE_CASES: readonly ConformanceCase[] = [
  {
    id: "write.result",
    title: "resolves with what was stored",
    duty: "writeLTXFile resolves with the file's LTXFileInfo: its name, stored size, and the header's time.",
    run: async (context) => {
      const named = { ...range(2n, 5n, 3), size: 1, createdAt: new Date(0) };
      const info = await context.client().writeLTXFile(named, chunked(ltxBytes(named, { size: 777 })));
      const { level, minTXID, maxTXID, size, createdAt } = info;
      assert.deepEqual(
        { level, minTXID, maxTXID, size, createdAt: createdAt.getTime() },
        { level: 3, minTXID: 2n, maxTXID: 5n, size: 777, createdAt: HEADER_TIME },
      );
    },
  },
  {
    id: "write.visibleAtOnce",
    title: "another client sees a file as soon as its write resolves",
    duty: "Resolves when the file is durable; a listing then has it.",
    run: async (context) => {
      const [writer, reader] = [context.client(), context.client()];
      for (const txid of [1n, 2n, 3n]) {
        const bytes = await write(writer, ref(txid), { seed: Number(txid) });
        assert.equal((await listed(reader)).at(-1)?.minTXID, txid);
        await assertStored(reader, ref(txid), bytes);
      }
    },
  },
  {
    id: "write.chunks",
    title: "chunks of any size, also empty ones, also through the header",
    duty: "Chunks may have any size, including 0.",
    run: async (context) => {
      const client = context.client();
      const bytes = ltxBytes(ref(1n), { size: 70_000 });
      async function* odd(): AsyncGenerator<Uint8Array, void, undefined> {
        yield new Uint8Array(0);
        yield* chunked(bytes.subarray(0, 120), 1);
        yield new Uint8Array(0);
        yield* chunked(bytes.subarray(120), 33_333);
        yield new Uint8Array(0);
      }
      const { size, createdAt } = await client.writeLTXFile(ref(1n), odd());
      assert.deepEqual([size, createdAt.getTime()], [bytes.length, HEADER_TIME]);
      await assertStored(client, ref(1n), bytes);
    },
  },
  {
    id: "write.sourceReusesMemory",
    title: "a source may overwrite a chunk when the next one is asked for",
    duty: "A chunk is the client's until it asks for the next one.",
    run: async (context) => {
      const client = context.client();
      for (const [size, chunk] of [
        [3000, 77],
        [6 * MIB, 100_000],
      ] as const) {
        const bytes = ltxBytes(ref(1n), { size });
        await client.writeLTXFile(ref(1n), chunkedInPlace(bytes, chunk));
        await assertStored(client, ref(1n), bytes, `${size} bytes in chunks of ${chunk}`);
      }
    },
  },
  {
    id: "write.unknownLength",
    title: "several MiB whose length nobody said",
    duty: "sizeHint is optional.",
    run: async (context) => {
      const client = context.client();
      const bytes = ltxBytes(ref(1n), { size: 11 * MIB + 3 });
      assert.equal((await client.writeLTXFile(ref(1n), chunked(bytes, MIB + 1))).size, bytes.length);
      await assertStored(client, ref(1n), bytes);
    },
  },
  {
    id: "write.sizeHint",
    title: "a size hint may be right, too low or too high",
    duty: "sizeHint: expected size in bytes where known; a hint only.",
    run: async (context) => {
      const client = context.client();
      for (const size of [5000, 6 * MIB]) {
        const bytes = ltxBytes(ref(1n), { size });
        for (const sizeHint of [size, size - 1000, size + 1000, 0, 100 * MIB]) {
          await client.writeLTXFile(ref(1n), chunked(bytes), { sizeHint });
          await assertStored(client, ref(1n), bytes, `${size} bytes with the hint ${sizeHint}`);
        }
      }
    },
  },
  {
    id: "write.overwrite",
    title: "overwrites, also with less, also with the same",
    duty: "createOnly defaults to false: overwrite.",
    run: async (context) => {
      const client = context.client();
      for (const size of [50_000, 400, 400]) {
        const bytes = await write(client, ref(1n), { size, seed: size });
        await assertStored(client, ref(1n), bytes, `${size} bytes over others`);
      }
    },
  },
  {
    id: "write.invisibleUntilComplete",
    title: "a file half written cannot be seen",
    duty: "All or nothing.",
    run: async (context) => {
      const client = context.client();
      for (const [size, after] of [
        [2000, 500],
        [12 * MIB, 11 * MIB],
      ] as const) {
        const bytes = ltxBytes(ref(1n), { size });
        const source = new PausedSource(bytes, after);
        const writing = client.writeLTXFile(ref(1n), source.read());
        // A write that fails early never gets there.
        await Promise.race([source.reached, writing]);
        await assertAbsent(context.client(), ref(1n), `after ${after} of ${size} bytes`);
        source.resume();
        await writing;
        await assertStored(client, ref(1n), bytes);
        await client.deleteLTXFiles([ref(1n)]);
      }
    },
  },
  {
    id: "write.noHeader",
    title: "what does not start with an LTX header is refused",
    duty: "data starts with the LTX header; anything else, even nothing at all, is LS_LTX_CORRUPTED.",
    run: async (context) => {
      const client = context.client();
      for (const bytes of [new Uint8Array(0), ltxBytes(ref(1n)).subarray(0, 99), new Uint8Array(500), new Uint8Array(100_000).fill(7)]) {
        await assertCode("LS_LTX_CORRUPTED", client.writeLTXFile(ref(1n), chunked(bytes)), `writing ${bytes.length} bytes without a header`);
        await assertAbsent(client, ref(1n), "after that");
      }
    },
  },
  {
    id: "write.impossibleName",
    title: "levels and TXIDs that do not exist are the caller's mistake",
    duty: "A level outside 0 to 9 or TXIDs that are no range are a RangeError; no such name ever reaches the service.",
    run: async (context) => {
      const client = context.client();
      for (const [level, minTXID, maxTXID] of [
        [10, 1n, 1n],
        [-1, 1n, 1n],
        [0.5, 1n, 1n],
        // What a caller without types might hand over.
        ["../../app2/0" as unknown as number, 1n, 1n],
        [0, 0n, 1n],
        [0, 2n, 1n],
        [0, 1n, 1n << 64n],
      ] as const) {
        const what = `level ${level}, TXIDs ${minTXID}-${maxTXID}`;
        const reason = await rejection(client.writeLTXFile({ level, minTXID, maxTXID }, chunked(ltxBytes(ref(1n)))), `writing ${what}`);
        assert.ok(reason instanceof RangeError, `writing ${what} has to be a RangeError, not: ${String(reason)}`);
      }
      assert.deepEqual(await listed(client), []);
    },
  },
  {
    id: "write.parallel",
    title: "many files through one client at a time",
    duty: "Call any method concurrently.",
    run: async (context) => {
      const client = context.client();
      const txids = Array.from({ length: 16 }, (_, i) => BigInt(i + 1));
      const written = await Promise.all(txids.map((txid) => write(client, ref(txid), { size: 20_000, seed: Number(txid) })));
      assert.equal(await listedNames(client), txids.map((txid) => `${txid.toString(16)}-${txid.toString(16)}`).join(" "));
      for (const [i, txid] of txids.entries()) await assertStored(client, ref(txid), written[i] ?? new Uint8Array(0), `file ${txid}`);
    },
  },
  {
    id: "write.sameAtOnce",
    title: "writers of one file do not mix",
    duty: "All or nothing, also against another writer.",
    run: async (context) => {
      const candidates = Array.from({ length: 8 }, (_, i) => ltxBytes(ref(1n), { size: 300_000, seed: i + 1 }));
      await Promise.all(candidates.map((bytes) => context.client().writeLTXFile(ref(1n), chunked(bytes, 10_000))));
      const files = await listed(context.client());
      assert.equal(files.length, 1);
      const outcomes = await Promise.allSettled(candidates.map((bytes) => assertStored(context.client(), ref(1n), bytes)));
      assert.equal(outcomes.filter((one) => one.status === "fulfilled").length, 1, "the stored file is one writer's");
    },
  },
];
