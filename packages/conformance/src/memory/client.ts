import {
  ALL_LEVELS,
  type CallOptions,
  decimalLayout,
  type InitOptions,
  type KeyLayout,
  type ListOptions,
  LSError,
  type LTXFileInfo,
  type LTXFileRef,
  nextChunk,
  type OpenOptions,
  type ReplicaClient,
  type ReplicaClientCapabilities,
  rejectUnknownOptions,
  throwUndeleted,
  type WriteOptions,
} from "@ls/core/backend-kit";
import { decodeLTXHeader, LTX_HEADER_SIZE } from "@ls/ltx";
import { joined } from "../joined.js";
import { MemoryStorage } from "./storage.js";

/** Bytes per chunk of a read: small enough that files of a few KiB come in several. */
const CHUNK_BYTES = 16 * 1024;
/** Keys per page of a listing, as the object stores have it. */
const PAGE_KEYS = 1000;

/** Options of a `MemoryReplicaClient`. */
export interface MemoryReplicaClientOptions {
  /** Where the files lie. Default: a storage of this client's own. */
  readonly storage?: MemoryStorage | undefined;
  /** Prefix of this replica in the storage. Default `""`. */
  readonly path?: string | undefined;
  /** Listings carry the time of storage, as on S3, and only `accurateTimestamps` gives the header's. Default false. */
  readonly listsStorageTime?: boolean | undefined;
}

/** A replica in memory: the whole contract, for tests that need a destination and no service. */
export class MemoryReplicaClient implements ReplicaClient {
  readonly type: string = "memory";
  readonly capabilities: ReplicaClientCapabilities;
  readonly storage: MemoryStorage;
  readonly path: string;
  readonly #layout: KeyLayout;
  readonly #listsStorageTime: boolean;

  constructor(options: MemoryReplicaClientOptions = {}) {
    rejectUnknownOptions("MemoryReplicaClient", options, ["storage", "path", "listsStorageTime"]);
    this.storage = options.storage ?? new MemoryStorage();
    this.path = options.path ?? "";
    this.#layout = decimalLayout(this.path);
    this.#listsStorageTime = options.listsStorageTime ?? false;
    this.capabilities = { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: this.#listsStorageTime ? "metadata" : "listing" };
  }

  /** Puts bytes there as they are, damaged or not. */
  put(ref: LTXFileRef, bytes: Uint8Array, storedAt: Date = new Date()): void {
    this.storage.put(this.#layout.key(ref), { bytes: bytes.slice(), headerTime: headerTimeOf(bytes), storedAt });
  }

  /** The stored bytes themselves. */
  peek(ref: LTXFileRef): Uint8Array | undefined {
    return this.storage.stat(this.#layout.key(ref))?.bytes;
  }

  async init(options: InitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    // The request that a service would need to say whether it is there.
    this.storage.list(this.#layout.root, "", 0);
  }

  async *ltxFiles(level: number, options: ListOptions = {}): AsyncGenerator<LTXFileInfo, void, undefined> {
    options.signal?.throwIfAborted();
    const prefix = this.#layout.levelPrefix(level);
    const useStorageTime = this.#listsStorageTime && options.accurateTimestamps !== true;
    let after = this.#layout.seekKey(level, options.seek ?? 0n);
    for (;;) {
      const keys = this.storage.list(prefix, after, PAGE_KEYS);
      for (const key of keys) {
        const range = this.#layout.parse(level, key);
        const object = this.storage.stat(key);
        if (range === undefined || object === undefined) continue;
        options.signal?.throwIfAborted();
        yield { level, ...range, size: object.bytes.length, createdAt: useStorageTime ? object.storedAt : (object.headerTime ?? object.storedAt) };
      }
      const last = keys.at(-1);
      if (last === undefined || keys.length < PAGE_KEYS) return;
      after = last;
    }
  }

  async *openLTXFile(ref: LTXFileRef, options: OpenOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    options.signal?.throwIfAborted();
    const key = this.#layout.key(ref);
    const object = this.storage.get(key);
    if (object === undefined) throw new LSError("LS_LTX_FILE_NOT_FOUND", `there is no file ${key}`, { details: { ...rangeOf(ref) } });
    const offset = options.offset ?? 0;
    const end = options.size === undefined || options.size === 0 ? object.bytes.length : Math.min(object.bytes.length, offset + options.size);
    for (let at = offset; at < end; at += CHUNK_BYTES) {
      options.signal?.throwIfAborted();
      yield object.bytes.slice(at, Math.min(end, at + CHUNK_BYTES));
    }
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<LTXFileInfo> {
    const key = this.#layout.key(ref);
    options.signal?.throwIfAborted();
    const bytes = await contentOf(data, options.signal);
    const headerTime = headerTimeOf(bytes);
    if (headerTime === undefined) throw new LSError("LS_LTX_CORRUPTED", `what was to be written as ${key} does not start with an LTX header`);
    if (!this.storage.put(key, { bytes, headerTime, storedAt: new Date() }, options.createOnly === true)) {
      throw new LSError("LS_CONFLICT", `${key} exists already`, { details: { ...rangeOf(ref) } });
    }
    return { ...rangeOf(ref), size: bytes.length, createdAt: headerTime };
  }

  async deleteLTXFiles(refs: readonly LTXFileRef[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#deleteKeys(refs.map((ref) => this.#layout.key(ref)));
  }

  async deleteAll(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const keysOf = (level: number): string[] => this.storage.list(this.#layout.levelPrefix(level), "", Number.POSITIVE_INFINITY);
    await this.#deleteKeys(ALL_LEVELS.flatMap((level) => keysOf(level).filter((key) => this.#layout.holds(level, key))));
  }

  async close(): Promise<void> {
    // Memory needs no closing; the files stay for whoever opens the client again.
  }

  async #deleteKeys(keys: readonly string[]): Promise<void> {
    const failures: unknown[] = [];
    for (const key of keys) {
      try {
        this.storage.delete(key);
      } catch (error) {
        failures.push(error);
      }
    }
    throwUndeleted(failures, keys.length);
  }
}

/** The reference alone: callers may pass a whole file info. */
function rangeOf({ level, minTXID, maxTXID }: LTXFileRef): LTXFileRef {
  return { level, minTXID, maxTXID };
}

function headerTimeOf(bytes: Uint8Array): Date | undefined {
  if (bytes.length < LTX_HEADER_SIZE) return undefined;
  try {
    return new Date(decodeLTXHeader(bytes).timestampMs);
  } catch {
    // Tests store damaged files on purpose.
    return undefined;
  }
}

async function contentOf(data: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const source = data[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  try {
    for (;;) {
      const chunk = await nextChunk(source, signal);
      if (chunk === undefined) break;
      // The source may use the chunk's memory again.
      chunks.push(chunk.slice());
    }
  } catch (error) {
    // Not awaited: a source that hangs must not hold an aborted call.
    void source.return?.().catch(() => {});
    throw error;
  }
  signal?.throwIfAborted();
  return joined(chunks);
}
