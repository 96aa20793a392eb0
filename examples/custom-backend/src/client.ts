import { randomUUID } from "node:crypto";
import type { CallOptions, InitOptions, ListOptions, LTXFileInfo, LTXFileRef, OpenOptions, ReplicaClient, WriteOptions } from "@ls/core/backend-kit";
import { ALL_LEVELS, decimalLayout, headerTimeMs, type KeyLayout, LSError, PartReader, throwUndeleted } from "@ls/core/backend-kit";
import { Connection, parseURL, type Redis } from "./connection.js";

/** Bytes per chunk. Part of the format: byte `n` of a file is in its chunk `n / CHUNK_BYTES`. */
const CHUNK_BYTES = 256 * 1024;
/** How long the chunks of an unfinished write stay after the last of them: what a process leaves that dies. */
const STAGED_SECONDS = 3600;
/** Keys per page of a listing. */
const PAGE = 1000;

/** The one step in which a file appears, complete or not at all. KEYS: staged chunks, file, level. ARGV: number of chunks, createOnly, size, time. */
const PUBLISH = `
  if redis.call("HLEN", KEYS[1]) ~= tonumber(ARGV[1]) then return redis.error_reply("STAGED chunks have expired") end
  if ARGV[2] == "true" and redis.call("EXISTS", KEYS[2]) == 1 then return 0 end
  redis.call("HSET", KEYS[1], "version", KEYS[1], "size", ARGV[3], "time", ARGV[4])
  redis.call("PERSIST", KEYS[1])
  redis.call("RENAME", KEYS[1], KEYS[2])
  redis.call("ZADD", KEYS[3], 0, KEYS[2])
  return 1`;

/** A replica in Redis: a hash per file, with its chunks, `size`, `time` and `version`; a sorted set per level, with the keys of its files. */
export class RedisReplicaClient implements ReplicaClient {
  readonly type = "redis";
  readonly capabilities = { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: "listing" } as const;
  readonly destination: string;
  readonly #connection: Connection;
  readonly #layout: KeyLayout;

  /** @param url `redis[s]://[[user]:password@]host[:port]/path`: all keys begin with the path. @throws LSError `LS_INVALID_URL`. */
  constructor(url: string) {
    const { server, host, path } = parseURL(url);
    this.destination = `redis://${host}/${path}`;
    this.#connection = new Connection(server, this.destination);
    this.#layout = decimalLayout(path);
  }

  async init({ signal }: InitOptions = {}): Promise<void> {
    await this.#connection.call(signal, async () => {});
  }

  async *ltxFiles(level: number, { seek = 0n, signal }: ListOptions = {}): AsyncGenerator<LTXFileInfo, void, undefined> {
    const prefix = this.#layout.levelPrefix(level);
    for (let from = `[${this.#layout.seekKey(level, seek)}`; ; ) {
      const keys = await this.#connection.call(signal, (redis) => redis.zRange(prefix, from, "+", { BY: "LEX", LIMIT: { offset: 0, count: PAGE } }));
      const files = keys.flatMap((key) => this.#layout.parse(level, String(key)) ?? []).map((range) => ({ level, ...range }));
      const facts = await this.#connection.call(signal, (redis) => Promise.all(files.map((file) => redis.hmGet(this.#layout.key(file), ["size", "time"]))));
      for (const [i, file] of files.entries()) {
        signal?.throwIfAborted();
        const [size, time] = facts[i] ?? [];
        // One without a size was deleted a moment ago.
        if (size != null) yield { ...file, size: Number(size), createdAt: new Date(Number(time)) };
      }
      if (keys.length < PAGE) return;
      from = `(${keys.at(-1)}`;
    }
  }

  async *openLTXFile(ref: LTXFileRef, { offset = 0, size = 0, signal }: OpenOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const key = this.#layout.key(ref);
    let end = size === 0 ? Number.POSITIVE_INFINITY : offset + size;
    let opened: string | undefined;
    for (let at = offset; at < end; at += CHUNK_BYTES - (at % CHUNK_BYTES)) {
      const start = at % CHUNK_BYTES;
      const [version, length, chunk] = await this.#connection.call(signal, (redis) => redis.hmGet(key, ["version", "size", `${(at - start) / CHUNK_BYTES}`]));
      if (version == null && opened === undefined) throw new LSError("LS_LTX_FILE_NOT_FOUND", `there is no file ${key}`, { details: { key } });
      opened ??= String(version);
      end = Math.min(end, Number(length));
      if (String(version) !== opened || (chunk == null && at < end))
        throw new LSError("LS_STORAGE_UNAVAILABLE", `${key} was replaced meanwhile, or lacks a part`);
      // A copy, which the caller may keep and write into.
      if (chunk != null && at < end) yield new Uint8Array(chunk.subarray(start, start + end - at));
    }
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, { createOnly = false, sizeHint, signal }: WriteOptions = {}): Promise<LTXFileInfo> {
    const { level, minTXID, maxTXID } = ref;
    const key = this.#layout.key(ref);
    const staged = `${key}.${randomUUID()}`;
    let [chunks, size, timeMs] = [0, 0, 0];
    try {
      for await (const { bytes } of new PartReader(data, { partBytes: CHUNK_BYTES, sizeHint, signal })) {
        if (chunks === 0) timeMs = headerTimeMs(bytes, key);
        const chunk = { [chunks++]: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) };
        await this.#connection.call(signal, (redis) => redis.multi().hSet(staged, chunk).expire(staged, STAGED_SECONDS).exec());
        size += bytes.length;
      }
      signal?.throwIfAborted();
      const publish = { keys: [staged, key, this.#layout.levelPrefix(level)], arguments: [chunks, createOnly, size, timeMs].map(String) };
      // Without the signal: who aborts a write is told that nothing became visible only when that is so.
      const published = await this.#connection.call(undefined, (redis) => redis.eval(PUBLISH, publish));
      if (published === 0) throw new LSError("LS_CONFLICT", `${key} exists already`, { details: { key } });
      return { level, minTXID, maxTXID, size, createdAt: new Date(timeMs) };
    } catch (error) {
      // Not awaited: an abort comes back at once. Where this fails, the chunks expire.
      void this.#connection.call(undefined, (redis) => redis.unlink(staged)).catch(() => {});
      throw error;
    }
  }

  async deleteLTXFiles(refs: readonly LTXFileRef[], { signal }: CallOptions = {}): Promise<void> {
    const keys = refs.map((ref) => [this.#layout.key(ref), this.#layout.levelPrefix(ref.level)] as const);
    const deletions = (redis: Redis) => keys.map(([key, prefix]) => redis.multi().unlink(key).zRem(prefix, key).exec());
    const outcomes = await this.#connection.call(signal, (redis) => Promise.allSettled(deletions(redis)));
    const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [this.#connection.failure(one.reason)] : []));
    throwUndeleted(failures, refs.length);
  }

  async deleteAll({ signal }: CallOptions = {}): Promise<void> {
    for (const prefix of ALL_LEVELS.map(this.#layout.levelPrefix)) {
      const keys = await this.#connection.call(signal, (redis) => redis.zRange(prefix, 0, -1));
      if (keys.length > 0) await this.#connection.call(signal, (redis) => redis.multi().unlink(keys).zRem(prefix, keys).exec());
    }
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}
