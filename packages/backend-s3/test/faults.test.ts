import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isLSError, type LTXFileRef, type OpenOptions } from "@ls/core/backend-kit";
import { restoreTo } from "@ls/core/restore";
import { formatLTXFilename } from "@ls/ltx";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ClientWrapper } from "../../../testkit/src/client-wrapper.js";
import { waitFor } from "../../../testkit/src/deadline.js";
import { LTXHistory } from "../../../testkit/src/ltx-history.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { Random, seedOf } from "../../../testkit/src/random.js";
import { FaultProxy, type S3Server, startVersitygw, versitygwOrSkip } from "../../../testkit/src/servers/index.js";
import type { S3ReplicaClient } from "../src/client.js";
import { bytesOf, clientOf, failure, inChunks, isSame, listed, ltx, MIB, ref } from "./support.js";

const binary = versitygwOrSkip();

/** Counts files that are being read at a time. */
class RunningReads extends ClientWrapper {
  most = 0;
  #running = 0;

  override async *openLTXFile(file: LTXFileRef, options?: OpenOptions): AsyncGenerator<Uint8Array> {
    this.most = Math.max(this.most, ++this.#running);
    try {
      yield* super.openLTXFile(file, options);
    } finally {
      this.#running--;
    }
  }
}

describe.skipIf(binary === undefined)("faults on the way", () => {
  let server: S3Server;
  let proxy: FaultProxy;
  let client: S3ReplicaClient;
  let places = 0;

  beforeAll(async () => {
    server = await startVersitygw(binary ?? "");
    proxy = await FaultProxy.start(server);
  }, 60_000);
  afterAll(async () => {
    await proxy.stop();
    await server.stop();
  }, 60_000);
  beforeEach(() => {
    client = clientOf(server, `faults/${places++}`, { endpoint: proxy.endpoint, idleTimeoutMs: 1000, requestTimeoutMs: 2000 });
    proxy.clear();
    proxy.resetCounts();
  });
  afterEach(() => client.close());

  /** In place of the client with short deadlines, for what is counted: a busy machine misses them, and what is asked again counts too. */
  const becomePatient = async (): Promise<void> => {
    await client.close();
    client = clientOf(server, `faults/${places++}`, { endpoint: proxy.endpoint });
  };

  test("[I7] a small file is exactly one request, a second create-only one too", async () => {
    await client.writeLTXFile(ref(1n), inChunks(await ltx(1n)));
    expect([...proxy.counts]).toEqual([["put", 1]]);
    // The first that depends on it finds out whether the service can.
    await client.writeLTXFile(ref(2n), inChunks(await ltx(2n)), { createOnly: true });
    expect([...proxy.counts]).toEqual([
      ["put", 4],
      ["delete", 1],
    ]);
    await client.writeLTXFile(ref(3n), inChunks(await ltx(3n)), { createOnly: true });
    expect(proxy.counts.get("put")).toBe(5);
  });

  test("a list costs one request for 1000 files, none before it is asked for, and seeks", async () => {
    client.ltxFiles(0);
    expect(proxy.total).toBe(0);
    await listed(client, 0, { seek: 5n });
    expect([...proxy.counts]).toEqual([["list", 1]]);
  });

  test.each([408, 429, 500, 502, 503, 504])("[F9] %i passes", async (status) => {
    const bytes = await ltx(1n);
    proxy.arm({ fault: { kind: "answer", status, headers: { "retry-after": "0" } }, times: 2 });
    await client.writeLTXFile(ref(1n), inChunks(bytes));
    proxy.arm({ fault: { kind: "answer", status }, on: "list", times: 1 });
    expect(await listed(client)).toHaveLength(1);
    proxy.arm({ fault: { kind: "answer", status }, on: "get", times: 2 });
    expect(isSame(await bytesOf(client.openLTXFile(ref(1n))), bytes)).toBe(true);
    proxy.arm({ fault: { kind: "answer", status }, on: "delete-many", times: 1 });
    await client.deleteLTXFiles([ref(1n)]);
    expect(proxy.struck).toBeGreaterThan(0);
    expect(await listed(client)).toEqual([]);
  });

  test("[I8] an outage ends after a bounded number of requests, and is over when it is", async () => {
    proxy.arm({ fault: { kind: "answer", status: 503 } });
    const error = await failure(listed(client));
    expect(isLSError(error, "LS_STORAGE_UNAVAILABLE") && error.retryable).toBe(true);
    expect(proxy.total).toBe(6);
    proxy.clear();
    expect(await listed(client)).toEqual([]);
  }, 60_000);

  test.each(["reset", "end"] as const)("[F9] a body that is cut (%s) goes on at the byte reached", async (how) => {
    const bytes = await ltx(1n, { pages: 1000 });
    await client.writeLTXFile(ref(1n), inChunks(bytes));
    proxy.resetCounts();
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 1 * MIB, how }, on: "get", times: 3 });
    expect(isSame(await bytesOf(client.openLTXFile(ref(1n), { offset: 3 })), bytes.subarray(3))).toBe(true);
    expect(proxy.counts.get("get")).toBe(4);
  });

  test("a body that is cut does not go on in another file that has its name by then", async () => {
    await client.writeLTXFile(ref(1n), inChunks(await ltx(1n, { pages: 1000 })));
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 1 * MIB, how: "reset" }, on: "get", times: 1 });
    const reading = client.openLTXFile(ref(1n));
    await reading.next();
    await client.writeLTXFile(ref(1n), inChunks(await ltx(1n, { pages: 1000, seed: 2 })));
    const error = await failure(bytesOf(reading));
    expect(isLSError(error, "LS_STORAGE_UNAVAILABLE") && !error.retryable && error.message).toContain("replaced");
  });

  // Neither limit is of any help in the other's case.
  test.each([
    ["after a time without any movement", { idleTimeoutMs: 1000, requestTimeoutMs: 600_000 }],
    ["at its deadline", { idleTimeoutMs: 600_000, requestTimeoutMs: 2000 }],
  ])("[I25] what is never answered, and a body that stalls, are asked for again %s", async (_, limits) => {
    const impatient = clientOf(server, `faults/${places - 1}`, { endpoint: proxy.endpoint, ...limits });
    const bytes = await ltx(1n, { pages: 60 });
    await impatient.writeLTXFile(ref(1n), inChunks(bytes));
    proxy.arm({ fault: { kind: "black-hole" }, on: "put", times: 1 });
    await impatient.writeLTXFile(ref(2n), inChunks(await ltx(2n)));
    proxy.arm({ fault: { kind: "black-hole" }, on: "get", times: 1 });
    proxy.arm({ fault: { kind: "slow", bytesPerSecond: 8000 }, on: "get", times: 1 });
    expect(isSame(await bytesOf(impatient.openLTXFile(ref(1n))), bytes)).toBe(true);
    expect(proxy.counts.get("put")).toBeGreaterThanOrEqual(3);
    expect(proxy.counts.get("get")).toBeGreaterThanOrEqual(3);
    await impatient.close();
  });

  test("[I19] connections that idle end with the client", async () => {
    await listed(client);
    expect(proxy.connections).toBe(1);
    await client.close();
    await waitFor("the end of the idle connection", 10_000, () => proxy.connections === 0);
  });

  test("an abort ends a request that is never answered at once, with its reason", async () => {
    proxy.arm({ fault: { kind: "black-hole" } });
    const reason = new Error("stop");
    const controller = new AbortController();
    const { signal } = controller;
    const pending = Promise.all([
      failure(client.writeLTXFile(ref(1n), inChunks(await ltx(1n)), { signal })),
      failure(listed(client, 0, { signal })),
      failure(bytesOf(client.openLTXFile(ref(1n), { signal }))),
      failure(client.deleteLTXFiles([ref(1n)], { signal })),
    ]);
    setTimeout(() => controller.abort(reason), 50);
    expect(await pending).toEqual([reason, reason, reason, reason]);
  });

  test("[I23, O5] a create-only file whose answer was lost is ours, another is a conflict", async () => {
    await client.writeLTXFile(ref(9n), inChunks(await ltx(9n)), { createOnly: true });
    for (const pages of [1, 1500]) {
      const operation = pages === 1 ? ("put" as const) : ("complete-multipart" as const);
      const txid = BigInt(pages);
      proxy.arm({ fault: { kind: "cut-answer", afterBytes: 0, how: "reset" }, on: operation, times: 1 });
      await client.writeLTXFile(ref(txid), inChunks(await ltx(txid, { pages })), { createOnly: true });
      proxy.clear();
      proxy.arm({ fault: { kind: "answer", status: 503 }, on: operation, times: 1 });
      const error = await failure(client.writeLTXFile(ref(txid), inChunks(await ltx(txid, { pages, seed: 2 })), { createOnly: true }));
      expect(isLSError(error, "LS_CONFLICT")).toBe(true);
      proxy.clear();
    }
  });

  test("a part that breaks off is sent again, and only that one", async () => {
    await becomePatient();
    const bytes = await ltx(1n, { pages: 4000 });
    proxy.arm({ fault: { kind: "cut-request", afterBytes: 1 * MIB }, on: "part", times: 2 });
    await client.writeLTXFile(ref(1n), inChunks(bytes));
    expect(isSame(await bytesOf(client.openLTXFile(ref(1n))), bytes)).toBe(true);
    expect(proxy.counts.get("part")).toBe(6);
  });

  test("[I14, I22] an answer of success without an ETag, and one that is no XML, are no success", async () => {
    proxy.arm({ fault: { kind: "answer", status: 200, body: "<html>log in</html>" } });
    expect(isLSError(await failure(client.writeLTXFile(ref(1n), inChunks(await ltx(1n)))), "LS_STORAGE_UNAVAILABLE")).toBe(true);
    proxy.clear();
    expect(await listed(client)).toEqual([]);
    const bytes = await ltx(1n);
    await client.writeLTXFile(ref(1n), inChunks(bytes));
    proxy.arm({ fault: { kind: "answer", status: 200, body: "<html>log in</html>" }, on: "get", times: 1 });
    expect(isSame(await bytesOf(client.openLTXFile(ref(1n))), bytes)).toBe(true);
  }, 60_000);

  test("[E6, E8] failures inside a bulk delete's answer surface, file by file", async () => {
    for (const txid of [1n, 2n]) await client.writeLTXFile(ref(txid), inChunks(await ltx(txid)));
    const key = (txid: number): string => `faults/${places - 1}/0000/${formatLTXFilename(BigInt(txid), BigInt(txid))}`;
    const body = `<DeleteResult><Error><Key>${key(1)}</Key><Code>AccessDenied</Code><Message>no</Message></Error><Error><Key>${key(2)}</Key><Code>InternalError</Code></Error><Error><Key>${key(3)}</Key><Code>NoSuchKey</Code></Error><Deleted><Key>${key(4)}</Key></Deleted></DeleteResult>`;
    proxy.arm({ fault: { kind: "answer", status: 200, body }, on: "delete-many", times: 1 });
    const error = await failure(client.deleteLTXFiles([ref(1n), ref(2n), ref(3n), ref(4n)]));
    expect(error).toBeInstanceOf(AggregateError);
    // `as`: the line above has looked.
    const { errors } = error as AggregateError;
    expect(errors.map((one) => isLSError(one) && [one.code, one.retryable, one.message.includes(key(1)), one.message.includes(key(2))])).toEqual([
      ["LS_STORAGE_DENIED", false, true, false],
      ["LS_STORAGE_UNAVAILABLE", true, false, true],
    ]);
  });

  test("[I20] a listing that fails on a late page fails, and is no shorter one", async () => {
    // Requests are counted: none may be repeated because the machine is slow.
    client = clientOf(server, `faults/${places - 1}`, { endpoint: proxy.endpoint });
    const level = join(server.directory ?? "", `faults/${places - 1}/0000`);
    mkdirSync(level, { recursive: true });
    for (let txid = 1n; txid <= 3500n; txid++) writeFileSync(join(level, formatLTXFilename(txid, txid)), "");
    expect(await listed(client)).toHaveLength(3500);
    expect([...proxy.counts]).toEqual([["list", 4]]);
    proxy.arm({ fault: { kind: "answer", status: 403, body: "<Error><Code>AccessDenied</Code></Error>" }, on: "list", after: 3 });
    expect(isLSError(await failure(listed(client)), "LS_STORAGE_DENIED")).toBe(true);
    proxy.clear();
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 1000, how: "end" }, on: "list", after: 3, times: 1 });
    expect(await listed(client)).toHaveLength(3500);
  });

  test("[N14] everything but deleting works without the right to delete", async () => {
    proxy.arm({ fault: { kind: "answer", status: 403, body: "<Error><Code>AccessDenied</Code></Error>" }, on: ["delete", "delete-many"] });
    const bytes = await ltx(1n);
    await client.writeLTXFile(ref(1n), inChunks(bytes), { createOnly: true });
    expect(isLSError(await failure(client.writeLTXFile(ref(1n), inChunks(bytes), { createOnly: true })), "LS_CONFLICT")).toBe(true);
    // What another one left behind there answers as well.
    const next = clientOf(server, `faults/${places - 1}`, { endpoint: proxy.endpoint });
    await next.writeLTXFile(ref(2n), inChunks(await ltx(2n)), { createOnly: true });
    expect(next.capabilities.createOnly).toBe(true);
    await next.close();
    expect(await listed(client)).toHaveLength(2);
    const error = await failure(client.deleteLTXFiles([ref(1n)]));
    expect(isLSError(error, "LS_STORAGE_DENIED") && !error.retryable).toBe(true);
  });

  test("an answer that says where the list goes on, again and again, ends", async () => {
    const body = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>";
    proxy.arm({ fault: { kind: "answer", status: 200, body }, on: "list" });
    expect(isLSError(await failure(listed(client)), "LS_STORAGE_UNAVAILABLE")).toBe(true);
    expect(proxy.total).toBe(2);
  });

  test("[F9] a restore survives 30 % of all connections being reset", async () => {
    const seed = seedOf(Date.now() >>> 0);
    const random = new Random(seed);
    const history = new LTXHistory(random, { transactions: 120 });
    for (const one of history.rawRefs()) await client.writeLTXFile(one, inChunks(await history.raw(one.minTXID)));
    proxy.arm({ fault: { kind: "cut-answer", afterBytes: 200, how: "reset" }, on: "get", chance: { of: 0.3, random } });
    const sink = new MemorySink();
    await restoreTo(client, sink);
    expect(isSame(sink.database ?? new Uint8Array(0), history.state(history.newest)), `seed ${seed}`).toBe(true);
    expect(proxy.struck).toBeGreaterThan(10);
  }, 60_000);

  test("[F5, Q4, I20] a restore to a time asks for few headers, however many files there are, and never trusts the time of the upload", async () => {
    // Requests are counted: none may be repeated because the machine is slow.
    client = clientOf(server, `faults/${places - 1}`, { endpoint: proxy.endpoint });
    const history = new LTXHistory(new Random(seedOf(11)), { transactions: 400, maxPages: 4 });
    for (const one of history.rawRefs()) await client.writeLTXFile(one, inChunks(await history.raw(one.minTXID)));
    await client.writeLTXFile({ level: 9, minTXID: 1n, maxTXID: 249n }, inChunks(await history.image(1n, 249n)));
    proxy.resetCounts();
    const sink = new MemorySink();
    const timestamp = new Date(history.timeOf(250n).getTime() + 500);
    expect(await restoreTo(client, sink, { timestamp })).toMatchObject({ txid: 250n, timestamp: history.timeOf(250n) });
    expect(isSame(sink.database ?? new Uint8Array(0), history.state(250n))).toBe(true);
    expect(proxy.counts.get("list")).toBe(10);
    expect(proxy.counts.get("head")).toBeUndefined();
    expect(proxy.counts.get("get")).toBeLessThan(60);
  }, 60_000);

  test("[F10] small files behind a latency are read many at a time", async () => {
    await becomePatient();
    const random = new Random(seedOf(7));
    const history = new LTXHistory(random, { transactions: 300, maxPages: 4 });
    for (const one of history.rawRefs()) await client.writeLTXFile(one, inChunks(await history.raw(one.minTXID)));
    proxy.arm({ fault: { kind: "delay", milliseconds: 100 }, on: "get" });
    const counting = new RunningReads(client);
    await restoreTo(counting, new MemorySink());
    expect(counting.most).toBe(64);
  }, 60_000);
});
