import type { LTXFileInfo, LTXFileRef, ReplicaClient } from "@ls/core/backend-kit";
import { encodeLTX } from "@ls/ltx";
import type { S3Server } from "../../../testkit/src/servers/index.js";
import { type S3Options, S3ReplicaClient } from "../src/client.js";

export const TIME: number = Date.UTC(2026, 0, 31, 12, 0, 0, 655);
export const MIB: number = 1024 * 1024;

/** A client of a test server; `through` is a proxy before it. */
export function clientOf(server: S3Server, path: string, options: Partial<S3Options> = {}): S3ReplicaClient {
  const { bucket, endpoint, accessKeyId, secretAccessKey } = server;
  return new S3ReplicaClient({ bucket, path, endpoint, accessKeyId, secretAccessKey, ...options });
}

export function ref(txid: bigint, level = 0): LTXFileRef {
  return { level, minTXID: txid, maxTXID: txid };
}

/** A valid LTX file whose pages do not compress. */
export async function ltx(
  txid: bigint,
  { pages = 1, timestampMs = TIME, seed = 1 }: { pages?: number; timestampMs?: number; seed?: number } = {},
): Promise<Uint8Array> {
  const data = new Uint8Array(4096);
  let state = seed;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  const header = { pageSize: 4096, commit: pages, minTXID: txid, maxTXID: txid, timestampMs };
  return bytesOf(
    encodeLTX(
      header,
      Array.from({ length: pages }, (_, i) => ({ pgno: i + 1, data })),
    ),
  );
}

export async function* inChunks(bytes: Uint8Array, size: number = 64 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk.slice());
  return new Uint8Array(Buffer.concat(chunks));
}

export async function listed(client: ReplicaClient, level = 0, options: Parameters<ReplicaClient["ltxFiles"]>[1] = {}): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of client.ltxFiles(level, options)) files.push(file);
  return files;
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** Not `toEqual`, which takes minutes for megabytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
