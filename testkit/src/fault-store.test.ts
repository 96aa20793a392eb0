import type { LTXFileInfo, LTXFileRef, ReplicaClient } from "@ls/core/backend-kit";
import { describe, expect, it } from "vitest";
import { FaultStore } from "./fault-store.js";
import { RequestCounter } from "./request-counter.js";

/** The smallest client that keeps what it is given: enough to see what a wrapper lets through. */
class Shelf implements ReplicaClient {
  readonly type = "shelf";
  readonly capabilities = { createOnly: false, rawKeys: false, orderedSeek: false, timestamps: "listing" } as const;
  readonly files = new Map<string, { info: LTXFileInfo; bytes: Uint8Array }>();

  async init(): Promise<void> {}
  async *ltxFiles(level: number): AsyncGenerator<LTXFileInfo> {
    for (const { info } of this.files.values()) if (info.level === level) yield info;
  }
  async *openLTXFile(ref: LTXFileRef): AsyncGenerator<Uint8Array> {
    const file = this.files.get(key(ref));
    if (file !== undefined) yield file.bytes;
  }
  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>): Promise<LTXFileInfo> {
    const chunks: number[] = [];
    for await (const chunk of data) chunks.push(...chunk);
    const info = { ...ref, size: chunks.length, createdAt: new Date(0) };
    this.files.set(key(ref), { info, bytes: Uint8Array.from(chunks) });
    return info;
  }
  async deleteLTXFiles(refs: readonly LTXFileRef[]): Promise<void> {
    for (const ref of refs) this.files.delete(key(ref));
  }
  async deleteAll(): Promise<void> {
    this.files.clear();
  }
  async close(): Promise<void> {}
}

function key(ref: LTXFileRef): string {
  return `${ref.level}/${ref.minTXID}-${ref.maxTXID}`;
}

function ref(n: bigint): LTXFileRef {
  return { level: 0, minTXID: n, maxTXID: n };
}

async function* bytes(...values: number[]): AsyncGenerator<Uint8Array> {
  for (const value of values) yield Uint8Array.of(value);
}

async function read(client: ReplicaClient, which: LTXFileRef): Promise<number[]> {
  const out: number[] = [];
  for await (const chunk of client.openLTXFile(which)) out.push(...chunk);
  return out;
}

describe("FaultStore", () => {
  it("fails the chosen call only", async () => {
    const store = new FaultStore(new Shelf());
    const hits = store.arm({ operation: "write", fault: { kind: "fail" }, after: 1, times: 1 });
    await store.writeLTXFile(ref(1n), bytes(1));
    await expect(store.writeLTXFile(ref(2n), bytes(2))).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE", retryable: true });
    await store.writeLTXFile(ref(2n), bytes(2));
    expect(hits()).toBe(1);
  });

  it("stores the file although the answer is an error", async () => {
    const shelf = new Shelf();
    const store = new FaultStore(shelf);
    store.arm({ operation: "write", fault: { kind: "done-but-error" }, times: 1 });
    await expect(store.writeLTXFile(ref(1n), bytes(1, 2))).rejects.toThrow(/answer was lost/);
    expect(await read(shelf, ref(1n))).toEqual([1, 2]);
  });

  it("breaks a body after some bytes, and answers empty", async () => {
    const store = new FaultStore(new Shelf());
    await store.writeLTXFile(ref(1n), bytes(1, 2, 3));
    store.arm({ operation: "open", fault: { kind: "drop", afterBytes: 2 }, times: 1 });
    await expect(read(store, ref(1n))).rejects.toThrow(/connection was lost/);
    store.arm({ operation: "open", fault: { kind: "empty" }, times: 1 });
    expect(await read(store, ref(1n))).toEqual([]);
    expect(await read(store, ref(1n))).toEqual([1, 2, 3]);
  });

  it("hangs until the signal, and lies about deletes", async () => {
    const shelf = new Shelf();
    const store = new FaultStore(shelf);
    await store.writeLTXFile(ref(1n), bytes(1));
    store.arm({ operation: "write", fault: { kind: "hang" }, times: 1 });
    await expect(store.writeLTXFile(ref(2n), bytes(2), { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: "TimeoutError" });
    store.arm({ operation: "delete", fault: { kind: "lie" }, times: 1 });
    await store.deleteLTXFiles([ref(1n)]);
    expect(shelf.files.size).toBe(1);
  });

  it("keeps chosen keys in a bulk delete and lists what was there before", async () => {
    const shelf = new Shelf();
    const store = new FaultStore(shelf);
    for (const n of [1n, 2n, 3n]) await store.writeLTXFile(ref(n), bytes(1));
    await store.rememberListings([0]);
    store.arm({ operation: "delete", fault: { kind: "keep", refuse: (r) => r.minTXID === 2n } });
    await expect(store.deleteLTXFiles([ref(1n), ref(2n), ref(3n)])).rejects.toBeInstanceOf(AggregateError);
    expect([...shelf.files.keys()]).toEqual(["0/2-2"]);
    store.arm({ operation: "list", fault: { kind: "stale" } });
    const listed: bigint[] = [];
    for await (const file of store.ltxFiles(0)) listed.push(file.minTXID);
    expect(listed).toEqual([1n, 2n, 3n]);
  });
});

describe("RequestCounter", () => {
  it("counts calls per level and bytes both ways", async () => {
    const counter = new RequestCounter(new Shelf());
    await counter.writeLTXFile(ref(1n), bytes(1, 2, 3));
    await read(counter, ref(1n));
    for await (const _ of counter.ltxFiles(9)) break;
    expect([counter.count("write", 0), counter.count("list", 9), counter.count("list", 0), counter.total]).toEqual([1, 1, 0, 3]);
    expect([counter.bytesWritten, counter.bytesRead]).toEqual([3, 3]);
  });
});
