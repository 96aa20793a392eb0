import assert from "node:assert/strict";
import {
  isLSError,
  type ListOptions,
  type LSError,
  type LSErrorCode,
  type LTXFileInfo,
  type LTXFileRef,
  type OpenOptions,
  type ReplicaClient,
} from "@ls/core/backend-kit";
import { joined } from "./joined.js";
import { type FileShape, ltxBytes } from "./ltx-file.js";
import { chunked } from "./sources.js";

/** Writes a file of that shape and gives its bytes. */
export async function write(client: ReplicaClient, ref: LTXFileRef, shape: FileShape = {}): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = ltxBytes(ref, shape);
  await client.writeLTXFile(ref, chunked(bytes));
  return bytes;
}

/** Writes small files, some at a time. */
export async function writeAll(client: ReplicaClient, refs: readonly LTXFileRef[]): Promise<void> {
  const waiting = refs.values();
  // Concurrent calls are the callers' right; twelve keep a slow service busy without being rude.
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (const ref of waiting) await write(client, ref, { size: 200 });
    }),
  );
}

/** Everything that a listing yields. */
export async function listed(client: ReplicaClient, level = 0, options?: ListOptions): Promise<LTXFileInfo[]> {
  const files: LTXFileInfo[] = [];
  for await (const file of client.ltxFiles(level, options)) files.push(file);
  return files;
}

/** A listing as text: `1-1 2-3`, TXIDs in hex. */
export async function listedNames(client: ReplicaClient, level = 0, options?: ListOptions): Promise<string> {
  return names(await listed(client, level, options));
}

export function names(refs: readonly LTXFileRef[]): string {
  return refs.map(({ minTXID, maxTXID }) => `${minTXID.toString(16)}-${maxTXID.toString(16)}`).join(" ");
}

/** The bytes of a file, or of a part of it. */
export async function bytesOf(client: ReplicaClient, ref: LTXFileRef, options?: OpenOptions): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of client.openLTXFile(ref, options)) chunks.push(chunk.slice());
  return joined(chunks);
}

/** Fails without printing megabytes. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: wrong number of bytes`);
  if (Buffer.compare(actual, expected) === 0) return;
  assert.fail(`${what}: the bytes differ from byte ${actual.findIndex((byte, i) => byte !== expected[i])} on`);
}

/** The file is there, with exactly these bytes. */
export async function assertStored(client: ReplicaClient, ref: LTXFileRef, bytes: Uint8Array, what = "the stored file"): Promise<void> {
  assertSameBytes(await bytesOf(client, ref), bytes, what);
}

/** The file neither is listed nor can be opened. */
export async function assertAbsent(client: ReplicaClient, ref: LTXFileRef, what: string): Promise<void> {
  const found = (await listed(client, ref.level)).filter((file) => file.minTXID === ref.minTXID && file.maxTXID === ref.maxTXID);
  assert.equal(found.length, 0, `${what}: the file is listed`);
  await assertCode("LS_LTX_FILE_NOT_FOUND", bytesOf(client, ref), `${what}: opening the file`);
}

/** The reason of a rejection. */
export async function rejection(promise: Promise<unknown>, what: string): Promise<unknown> {
  const outcome = await promise.then(
    () => ({ rejected: false, reason: undefined }),
    (reason: unknown) => ({ rejected: true, reason }),
  );
  assert.ok(outcome.rejected, `${what} has to fail, but succeeds`);
  return outcome.reason;
}

/** The promise rejects with an `LSError` of that code. */
export async function assertCode(code: LSErrorCode, promise: Promise<unknown>, what: string): Promise<LSError> {
  const error = await rejection(promise, what);
  assert.ok(isLSError(error, code), `${what} has to fail with ${code}, not with: ${shown(error)}`);
  return error;
}

export function shown(error: unknown): string {
  if (error instanceof AggregateError) return `AggregateError of ${error.errors.map(shown).join(", ")}`;
  if (isLSError(error)) return `${error.code} (${error.message})`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
