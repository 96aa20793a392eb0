import {
  type CallOptions,
  type ListOptions,
  LSError,
  type LTXFileInfo,
  type LTXFileRef,
  type OpenOptions,
  type ReplicaClient,
  type ReplicaClientCapabilities,
  type WriteOptions,
} from "@ls/core/backend-kit";
import { decodeLTXHeader, formatLTXFilename, LTX_HEADER_SIZE } from "@ls/ltx";

/** Bytes per chunk of a read: small enough that files of a few KiB come in several. */
const CHUNK_BYTES = 16 * 1024;

interface StoredFile {
  readonly ref: LTXFileRef;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Time of the LTX header; undefined when the stored bytes have none, or when it was not kept. */
  readonly headerTime: Date | undefined;
  /** When the file was stored, as a service without metadata would say. */
  readonly storedAt: Date;
}

export interface MemoryClientOptions {
  /** Listings carry the time of storage, as on S3, and only `accurateTimestamps` gives the header's. Default false. */
  readonly listsStorageTime?: boolean;
}

/** A replica in memory: the whole contract, for tests that need a destination without a file system. */
export class MemoryClient implements ReplicaClient {
  readonly type: string = "memory";
  readonly capabilities: ReplicaClientCapabilities;
  readonly #listsStorageTime: boolean;
  readonly #files: Map<string, StoredFile> = new Map();

  constructor(options: MemoryClientOptions = {}) {
    this.#listsStorageTime = options.listsStorageTime ?? false;
    this.capabilities = { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: this.#listsStorageTime ? "metadata" : "listing" };
  }

  /** Puts bytes there as they are, damaged or not. */
  put(ref: LTXFileRef, bytes: Uint8Array, storedAt: Date = new Date()): void {
    this.#files.set(keyOf(ref), { ref, bytes: bytes.slice(), headerTime: headerTimeOf(bytes), storedAt });
  }

  /** The stored bytes themselves. */
  peek(ref: LTXFileRef): Uint8Array | undefined {
    return this.#files.get(keyOf(ref))?.bytes;
  }

  async init(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
  }

  async *ltxFiles(level: number, options: ListOptions = {}): AsyncGenerator<LTXFileInfo, void, undefined> {
    options.signal?.throwIfAborted();
    const seek = options.seek ?? 0n;
    const keys = [...this.#files.keys()].filter((key) => key.startsWith(`${level}/`)).sort();
    const useStorageTime = this.#listsStorageTime && options.accurateTimestamps !== true;
    for (const key of keys) {
      options.signal?.throwIfAborted();
      const file = this.#files.get(key);
      if (file === undefined || file.ref.minTXID < seek) continue;
      yield { ...file.ref, size: file.bytes.length, createdAt: useStorageTime ? file.storedAt : (file.headerTime ?? file.storedAt) };
    }
  }

  async *openLTXFile(ref: LTXFileRef, options: OpenOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    options.signal?.throwIfAborted();
    const file = this.#files.get(keyOf(ref));
    if (file === undefined) throw new LSError("LS_LTX_FILE_NOT_FOUND", `no file ${keyOf(ref)}`, { details: { ...ref } });
    const offset = options.offset ?? 0;
    const end = options.size === undefined || options.size === 0 ? file.bytes.length : Math.min(file.bytes.length, offset + options.size);
    for (let at = offset; at < end; at += CHUNK_BYTES) {
      options.signal?.throwIfAborted();
      yield file.bytes.slice(at, Math.min(end, at + CHUNK_BYTES));
    }
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<LTXFileInfo> {
    options.signal?.throwIfAborted();
    const chunks: Uint8Array[] = [];
    for await (const chunk of data) {
      chunks.push(chunk.slice());
      options.signal?.throwIfAborted();
    }
    const bytes = joined(chunks);
    const headerTime = headerTimeOf(bytes);
    if (headerTime === undefined) throw new LSError("LS_LTX_CORRUPTED", `what was to be written as ${keyOf(ref)} does not start with an LTX header`);
    if (options.createOnly === true && this.#files.has(keyOf(ref))) throw new LSError("LS_CONFLICT", `${keyOf(ref)} exists already`, { details: { ...ref } });
    const { level, minTXID, maxTXID } = ref;
    this.#files.set(keyOf(ref), { ref: { level, minTXID, maxTXID }, bytes, headerTime, storedAt: new Date() });
    return { level, minTXID, maxTXID, size: bytes.length, createdAt: headerTime };
  }

  async deleteLTXFiles(refs: readonly LTXFileRef[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    for (const ref of refs) this.#files.delete(keyOf(ref));
  }

  async deleteAll(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    this.#files.clear();
  }

  async close(): Promise<void> {
    // Memory needs no closing; the files stay for whoever opens the client again.
  }
}

/** Sorts as the listing must: by level, minTXID, maxTXID. */
function keyOf(ref: LTXFileRef): string {
  return `${ref.level}/${formatLTXFilename(ref.minTXID, ref.maxTXID)}`;
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

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
