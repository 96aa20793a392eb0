import { setTimeout as sleep } from "node:timers/promises";
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { waitFor } from "../../../testkit/src/deadline.js";
import { FaultProxy, type S3Server, startVersitygw, startWeed, versitygwOrSkip, weedOrSkip } from "../../../testkit/src/servers/index.js";
import { sourceChild } from "../../core/test/source-child.js";
import { Connection } from "../src/connection.js";
import { readEnvironment } from "../src/environment.js";
import type { Place } from "../src/place.js";
import { checkedSettings } from "../src/settings.js";
import { sweepUploads } from "../src/sweep.js";
import { clientOf, inChunks, listed, ltx, MIB, ref } from "./support.js";

afterEach(() => {
  vi.useRealTimers();
});

const SERVERS = [
  { name: "versitygw", binary: versitygwOrSkip(), start: startVersitygw },
  { name: "weed mini", binary: weedOrSkip(), start: startWeed },
];

/** Begins a large upload and never ends it: two parts arrive. It waits to be killed, where a process that has nothing more to wait for would end. */
const DIES = `
  setInterval(() => {}, 60_000);
  const bytes = await support.ltx(5n, { pages: 3000 });
  async function* source() {
    yield* support.inChunks(bytes.subarray(0, ${11 * MIB}));
    await new Promise(() => {});
  }
  await support.clientOf(data, "db/p").writeLTXFile(support.ref(5n, 9), source());
`;

describe.each(SERVERS)("uploads that were left on $name", ({ binary, start }) => {
  describe.skipIf(binary === undefined)("runs", () => {
    let server: S3Server;
    let raw: S3Client;
    let place: Place;

    beforeAll(async () => {
      server = await start(binary ?? "");
      const { endpoint, region, bucket, accessKeyId, secretAccessKey } = server;
      raw = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
      const settings = checkedSettings({ bucket, path: "db/p", endpoint, accessKeyId, secretAccessKey }, readEnvironment({}));
      place = { settings, connection: new Connection(settings) };
    });
    afterAll(async () => {
      await place.connection.close();
      raw.destroy();
      await server.stop();
    });

    async function begin(key: string): Promise<{ key: string; id: string }> {
      const { UploadId: id = "" } = await raw.send(new CreateMultipartUploadCommand({ Bucket: server.bucket, Key: key }));
      return { key, id };
    }

    async function addPart({ key, id }: { key: string; id: string }, number: number): Promise<void> {
      await raw.send(new UploadPartCommand({ Bucket: server.bucket, Key: key, UploadId: id, PartNumber: number, Body: new Uint8Array(5 * MIB) }));
    }

    async function unfinished(): Promise<string[]> {
      const { Uploads: uploads } = await raw.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }));
      return (uploads ?? []).map(({ Key: key }) => key ?? "").sort();
    }

    async function partsOf(key: string): Promise<number> {
      const { Uploads: uploads } = await raw.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }));
      const id = uploads?.find((one) => one.Key === key)?.UploadId;
      if (id === undefined) return 0;
      return (await raw.send(new ListPartsCommand({ Bucket: server.bucket, Key: key, UploadId: id }))).Parts?.length ?? 0;
    }

    test("[I5] by a killed process: they go once nothing was added for long enough; what others do stays", async () => {
      const left = `db/p/0009/${"5".padStart(16, "0")}-${"5".padStart(16, "0")}.ltx`;
      const running = `db/p/0001/${"1".padStart(16, "0")}-${"2".padStart(16, "0")}.ltx`;
      const { endpoint, bucket, accessKeyId, secretAccessKey } = server;
      const child = sourceChild({ support: new URL("./support.ts", import.meta.url).pathname }, DIES, { endpoint, bucket, accessKeyId, secretAccessKey });
      await waitFor("two parts", 50_000, async () => (await partsOf(left)) === 2 || undefined);
      child.process.kill("SIGKILL");
      expect(await child.exited).toBe("SIGKILL");
      const foreign = [await begin("db/p/0009/notes.bin"), await begin(left.replace("db/p/", "db/p2/")), await begin(left.replace("db/p/", "db/"))];
      const other = await begin(running);
      await addPart(other, 1);
      // Times of services are whole seconds.
      await sleep(1100);
      const since = new Date();
      await sleep(1100);
      await addPart(other, 2);
      const all = [left, running, ...foreign.map(({ key }) => key)].sort();
      expect(await unfinished()).toEqual(all);

      // Another process writes a large file: what is left is too young to be touched.
      const proxy = await FaultProxy.start(server);
      const client = clientOf(server, "db/p", { endpoint: proxy.endpoint });
      const large = await ltx(7n, { pages: 1500 });
      await client.writeLTXFile(ref(7n), inChunks(large));
      expect(proxy.counts.get("list-uploads")).toBe(1);
      await client.writeLTXFile(ref(8n), inChunks(large));
      await client.writeLTXFile(ref(9n), inChunks(await ltx(9n)));
      expect(proxy.counts.get("list-uploads")).toBe(1);
      expect(await unfinished()).toEqual(all);

      // Not even by one whose clock is a day and more ahead.
      vi.useFakeTimers({ now: Date.now() + 26 * 3_600_000, toFake: ["Date"] });
      const ahead = clientOf(server, "db/p");
      await ahead.writeLTXFile(ref(10n), inChunks(large));
      await ahead.close();
      vi.useRealTimers();
      expect(await unfinished()).toEqual(all);

      await sweepUploads(place, since, new AbortController().signal);
      expect(await unfinished()).toEqual(all.filter((key) => key !== left));
      expect((await listed(client)).map(({ minTXID }) => minTXID)).toEqual([7n, 8n, 9n, 10n]);
      await client.close();
      await proxy.stop();
      for (const { key, id } of [other, ...foreign]) await raw.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: id }));
    });

    test("a service that does not list uploads is no obstacle", async () => {
      const proxy = await FaultProxy.start(server);
      proxy.arm({ fault: { kind: "answer", status: 403, body: "<Error><Code>AccessDenied</Code></Error>" }, on: "list-uploads" });
      const client = clientOf(server, "db/q", { endpoint: proxy.endpoint });
      await client.writeLTXFile(ref(1n), inChunks(await ltx(1n, { pages: 1500 })));
      expect(proxy.counts.get("list-uploads")).toBe(1);
      await client.close();
      await proxy.stop();
    });
  });
});
