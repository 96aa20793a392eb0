import { inspect } from "node:util";
import { DeleteObjectCommand, ListMultipartUploadsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { isLSError } from "@ls/core/backend-kit";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { waitFor } from "../../../testkit/src/deadline.js";
import { rcloneOrSkip, type S3Server, startRclone, startVersitygw, startWeed, versitygwOrSkip, weedOrSkip } from "../../../testkit/src/servers/index.js";
import type { S3ReplicaClient } from "../src/client.js";
import { bytesOf, clientOf, failure, inChunks, isSame, listed, ltx, MIB, ref, TIME } from "./support.js";

const SERVERS = [
  { name: "versitygw", binary: versitygwOrSkip(), start: startVersitygw, createOnly: true },
  { name: "weed mini", binary: weedOrSkip(), start: startWeed, createOnly: true },
  // Ignores conditions: the poor provider.
  { name: "rclone", binary: rcloneOrSkip(), start: startRclone, createOnly: false },
];

describe.each(SERVERS)("$name", ({ name, binary, start, createOnly }) => {
  describe.skipIf(binary === undefined)("runs", () => {
    let server: S3Server;
    let raw: S3Client;
    let places = 0;

    beforeAll(async () => {
      server = await start(binary ?? "");
      const { endpoint, region, accessKeyId, secretAccessKey } = server;
      raw = new S3Client({
        endpoint,
        region,
        forcePathStyle: true,
        credentials: { accessKeyId, secretAccessKey },
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
      });
    }, 60_000);
    afterAll(async () => {
      raw.destroy();
      await server.stop();
    }, 60_000);

    async function withClient(body: (client: S3ReplicaClient, path: string) => Promise<void>): Promise<void> {
      const path = `place ${places++}/ü+%`;
      const client = clientOf(server, path);
      try {
        await body(client, path);
        await client.deleteAll();
        expect(await keysUnder(path)).toEqual([]);
      } finally {
        await client.close();
      }
    }

    async function keysUnder(path: string): Promise<string[]> {
      const { Contents } = await raw.send(new ListObjectsV2Command({ Bucket: server.bucket, Prefix: `${path}/` }));
      return (Contents ?? []).map(({ Key }) => Key ?? "");
    }

    async function unfinishedUploads(): Promise<number> {
      return (await raw.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }))).Uploads?.length ?? 0;
    }

    test("a small file: upstream's key and metadata, byte for byte, whatever the chunks", () =>
      withClient(async (client, path) => {
        const bytes = await ltx(0x1000n);
        const info = await client.writeLTXFile({ level: 9, minTXID: 1n, maxTXID: 0x1000n }, inChunks(bytes, 7));
        expect(info).toEqual({ level: 9, minTXID: 1n, maxTXID: 0x1000n, size: bytes.length, createdAt: new Date(TIME) });
        expect(await keysUnder(path)).toEqual([`${path}/0009/0000000000000001-0000000000001000.ltx`]);
        expect(isSame(await bytesOf(client.openLTXFile(info)), bytes)).toBe(true);
        const [file] = await listed(client, 9, { accurateTimestamps: true });
        expect(file).toEqual(info);
      }));

    test("[I24] a large file of unknown length in parts", () =>
      withClient(async (client) => {
        const bytes = await ltx(1n, { pages: 3000 });
        expect(bytes.length).toBeGreaterThan(11 * MIB);
        await client.writeLTXFile(ref(1n, 9), inChunks(bytes));
        expect(isSame(await bytesOf(client.openLTXFile(ref(1n, 9))), bytes)).toBe(true);
        for (const [offset, size] of [
          [0, 100],
          [5 * MIB - 1, 2],
          [bytes.length - 16, 0],
          [bytes.length - 16, 100],
          [bytes.length, 0],
          [bytes.length + 5, 10],
        ] as const) {
          const expected = bytes.subarray(offset, size === 0 ? undefined : offset + size);
          expect(isSame(await bytesOf(client.openLTXFile(ref(1n, 9), { offset, size })), expected), `${offset} ${size}`).toBe(true);
        }
      }));

    test("exactly one part is one request's worth, a byte more is two parts", () =>
      withClient(async (client) => {
        const content = new Uint8Array(5 * MIB + 1);
        content.set(await ltx(1n));
        for (const size of [5 * MIB - 1, 5 * MIB, 5 * MIB + 1]) {
          await client.writeLTXFile(ref(1n), inChunks(content.subarray(0, size)));
          expect((await bytesOf(client.openLTXFile(ref(1n)))).length).toBe(size);
        }
      }));

    test("[O7] create-only, and whether the service can is known", () =>
      withClient(async (client) => {
        const [ours, theirs] = [await ltx(1n), await ltx(1n, { seed: 2 })];
        await client.writeLTXFile(ref(1n), inChunks(ours), { createOnly: true });
        expect(client.capabilities.createOnly).toBe(createOnly);
        expect(isLSError(await failure(client.writeLTXFile(ref(1n), inChunks(theirs), { createOnly: true })), "LS_CONFLICT")).toBe(true);
        const large = await ltx(2n, { pages: 1500 });
        await client.writeLTXFile(ref(2n), inChunks(large), { createOnly: true });
        expect(isLSError(await failure(client.writeLTXFile(ref(2n), inChunks(large), { createOnly: true })), "LS_CONFLICT")).toBe(true);
        expect(await unfinishedUploads()).toBe(0);
        expect(isSame(await bytesOf(client.openLTXFile(ref(1n))), ours)).toBe(true);
        await client.writeLTXFile(ref(1n), inChunks(theirs));
        expect(isSame(await bytesOf(client.openLTXFile(ref(1n))), theirs)).toBe(true);
      }));

    if (createOnly)
      test("[O6] of eight that create one file at a time one wins", () =>
        withClient(async (_, path) => {
          const clients = Array.from({ length: 8 }, () => clientOf(server, path));
          const results = await Promise.allSettled(
            clients.map(async (client, i) => client.writeLTXFile(ref(1n), inChunks(await ltx(1n, { seed: i })), { createOnly: true })),
          );
          expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
          for (const result of results) if (result.status === "rejected") expect(isLSError(result.reason, "LS_CONFLICT")).toBe(true);
          await Promise.all(clients.map((client) => client.close()));
        }));

    test(
      "[I21] lists in order over pages, from where it is asked to, and nothing foreign",
      () =>
        withClient(async (client, path) => {
          const body = await ltx(1n);
          const put = (key: string) => raw.send(new PutObjectCommand({ Bucket: server.bucket, Key: key, Body: body }));
          const hex = (txid: number): string => txid.toString(16).padStart(16, "0");
          const keys = Array.from({ length: 1100 }, (_, i) => `${path}/0000/${hex(i + 1)}-${hex(i + 1)}.ltx`).reverse();
          for (let at = 0; at < keys.length; at += 50) await Promise.all(keys.slice(at, at + 50).map(put));
          for (const foreign of [
            "0000/notes.txt",
            "0000/0000000000000001-0000000000000001.ltx.tmp",
            "0000/000000000000000A-000000000000000A.ltx",
            "00001",
            "lock.json",
          ])
            await put(`${path}/${foreign}`);
          await put(`${path}2/0000/${hex(1)}-${hex(1)}.ltx`);
          await put(`${path}/0001/0000/${hex(1)}-${hex(1)}.ltx`);
          expect((await listed(client)).map((file) => Number(file.minTXID))).toEqual(Array.from({ length: 1100 }, (_, i) => i + 1));
          expect((await listed(client, 0, { seek: 1099n })).map((file) => file.minTXID)).toEqual([1099n, 1100n]);
          expect(await listed(client, 1)).toEqual([]);
          await client.deleteAll();
          expect(await keysUnder(`${path}2`)).toHaveLength(1);
          const left = await keysUnder(path);
          expect(left).toEqual([`${path}/0001/0000/${hex(1)}-${hex(1)}.ltx`, `${path}/00001`, `${path}/lock.json`].sort());
          for (const key of left) await raw.send(new DeleteObjectCommand({ Bucket: server.bucket, Key: key }));
          await client.deleteLTXFiles([]);
        }),
      120_000,
    );

    test("[E9] what is deleted is gone, and may be gone before", () =>
      withClient(async (client) => {
        for (const txid of [1n, 2n, 3n]) await client.writeLTXFile(ref(txid), inChunks(await ltx(txid)));
        await client.deleteLTXFiles([ref(1n), ref(3n), ref(7n)]);
        expect((await listed(client)).map((file) => file.minTXID)).toEqual([2n]);
        expect(isLSError(await failure(bytesOf(client.openLTXFile(ref(1n)))), "LS_LTX_FILE_NOT_FOUND")).toBe(true);
      }));

    test.each([
      { pages: 1, at: 500 },
      { pages: 4000, at: 12 * MIB },
    ])("a source that fails after $at bytes leaves nothing, and its error comes back", ({ pages, at }) =>
      withClient(async (client, path) => {
        const cause = new Error("source failed");
        const bytes = await ltx(1n, { pages });
        async function* broken(): AsyncGenerator<Uint8Array> {
          yield* inChunks(bytes.subarray(0, at));
          throw cause;
        }
        expect(await failure(client.writeLTXFile(ref(1n), broken()))).toBe(cause);
        expect(await keysUnder(path)).toEqual([]);
        expect(await unfinishedUploads()).toBe(0);
      }),
    );

    test("[I5] an abort at any moment of an upload leaves nothing, not even a part", () =>
      withClient(async (client, path) => {
        const bytes = await ltx(1n, { pages: 5000 });
        for (const after of [0, 1 * MIB, 5 * MIB, 5 * MIB + 70_000, 11 * MIB, 19 * MIB]) {
          const controller = new AbortController();
          const reason = new Error("stop");
          async function* source(): AsyncGenerator<Uint8Array> {
            let given = 0;
            for await (const chunk of inChunks(bytes)) {
              if (given >= after) {
                controller.abort(reason);
                await new Promise(() => {});
              }
              given += chunk.length;
              yield chunk;
            }
          }
          expect(await failure(client.writeLTXFile(ref(1n), source(), { signal: controller.signal }))).toBe(reason);
          expect(await keysUnder(path)).toEqual([]);
          expect(await unfinishedUploads(), `after ${after} bytes`).toBe(0);
        }
      }));

    test("[N6] wrong credentials are refused, and nothing secret shows", async () => {
      for (const wrong of [{ secretAccessKey: "wrong-secret-hunter2" }, { accessKeyId: "UNKNOWN-ID" }]) {
        const client = clientOf(server, "denied", { ...wrong, ...(name === "rclone" ? {} : { sseCustomerKey: Buffer.alloc(32, 9).toString("base64") }) });
        const errors = await Promise.all([
          failure(client.writeLTXFile(ref(1n), inChunks(await ltx(1n)), { createOnly: true })),
          failure(client.writeLTXFile(ref(1n), inChunks(await ltx(1n)))),
          failure(listed(client)),
          failure(bytesOf(client.openLTXFile(ref(1n)))),
          failure(client.deleteLTXFiles([ref(1n)])),
          failure(client.deleteAll()),
        ]);
        for (const error of errors) {
          expect(isLSError(error, "LS_STORAGE_DENIED") && !error.retryable, inspect(error)).toBe(true);
          const shown = inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true });
          for (const secret of ["hunter2", server.secretAccessKey, Buffer.alloc(32, 9).toString("base64"), "Signature="]) expect(shown).not.toContain(secret);
        }
        await client.close();
      }
      expect(await keysUnder("denied")).toEqual([]);
    });

    test("a bucket that does not exist is neither empty nor a missing file", async () => {
      const client = clientOf(server, "p", { bucket: "no-such-bucket" });
      for (const error of [await failure(listed(client)), await failure(bytesOf(client.openLTXFile(ref(1n))))])
        expect(isLSError(error, "LS_STORAGE_UNAVAILABLE"), inspect(error)).toBe(true);
      await client.close();
    });

    test("[I19] idle connections do not keep the process alive", async () => {
      const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
      await waitFor("the end of connections that are not this client's", 10_000, () => sockets() === 0);
      const client = clientOf(server, "idle");
      await listed(client);
      await waitFor("connections that nobody waits for", 10_000, () => sockets() === 0);
      await client.close();
    });

    test("a client that was closed opens again: a database can be closed and opened, and restored after it was closed", () =>
      withClient(async (client) => {
        await client.writeLTXFile(ref(1n), inChunks(await ltx(1n)));
        await client.close();
        await client.close();
        expect(await listed(client)).toHaveLength(1);
      }));

    test("a clock that is wrong by more than a service accepts costs one request", async () => {
      vi.useFakeTimers({ now: Date.now() + 20 * 60_000, toFake: ["Date"] });
      try {
        await withClient(async (client) => {
          await client.writeLTXFile(ref(1n), inChunks(await ltx(1n)));
          expect(await listed(client)).toHaveLength(1);
        });
      } finally {
        vi.useRealTimers();
      }
    });
  });
});
