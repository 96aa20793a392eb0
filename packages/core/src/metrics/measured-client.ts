import { isLSError } from "../errors.js";
import type {
  CallOptions,
  InitOptions,
  ListOptions,
  LTXFileInfo,
  LTXFileRef,
  OpenOptions,
  ReplicaClient,
  ReplicaClientCapabilities,
  WriteOptions,
} from "../replica-client.js";
import { sharePins } from "../restore/pins.js";
import type { LevelMetrics, Operation, OperationMetrics } from "./metrics.js";

interface Tally {
  calls: number;
  bytes: number;
  readonly errors: Map<string, number>;
}

/** Counts the calls that one database's replication makes, and otherwise is the client that it was given. */
export class MeasuredClient implements ReplicaClient {
  readonly #inner: ReplicaClient;
  readonly #operations: Readonly<Record<Operation, Tally>> = { INIT: tally(), LIST: tally(), GET: tally(), PUT: tally(), DELETE: tally() };
  readonly #stored: Map<number, { files: number; bytes: number }> = new Map();

  constructor(inner: ReplicaClient) {
    this.#inner = inner;
    sharePins(this, inner);
  }

  /** The caller's own. */
  operations(): OperationMetrics[] {
    // `as`: the keys of the record.
    const names = Object.keys(this.#operations) as Operation[];
    return names.map((operation) => {
      const { calls, bytes, errors } = this.#operations[operation];
      return { operation, calls, bytes, errors: Object.fromEntries(errors) };
    });
  }

  /** Files written, by level. The caller's own. */
  stored(): LevelMetrics[] {
    return [...this.#stored].map(([level, { files, bytes }]) => ({ level, files, bytes })).sort((a, b) => a.level - b.level);
  }

  get type(): string {
    return this.#inner.type;
  }

  get capabilities(): ReplicaClientCapabilities {
    return this.#inner.capabilities;
  }

  get destination(): string | undefined {
    return this.#inner.destination;
  }

  init(options?: InitOptions): Promise<void> {
    return this.#call("INIT", options, () => this.#inner.init(options));
  }

  ltxFiles(level: number, options?: ListOptions): AsyncIterable<LTXFileInfo> {
    return this.#iterate("LIST", options, () => this.#inner.ltxFiles(level, options));
  }

  openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncIterable<Uint8Array> {
    return this.#iterate(
      "GET",
      options,
      () => this.#inner.openLTXFile(ref, options),
      (chunk) => chunk.length,
    );
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
    const file = await this.#call("PUT", options, () => this.#inner.writeLTXFile(ref, data, options));
    this.#operations.PUT.bytes += file.size;
    const stored = this.#stored.get(ref.level) ?? { files: 0, bytes: 0 };
    stored.files++;
    stored.bytes += file.size;
    this.#stored.set(ref.level, stored);
    return file;
  }

  deleteLTXFiles(refs: readonly LTXFileRef[], options?: CallOptions): Promise<void> {
    return this.#call("DELETE", options, () => this.#inner.deleteLTXFiles(refs, options));
  }

  deleteAll(options?: CallOptions): Promise<void> {
    return this.#call("DELETE", options, () => this.#inner.deleteAll(options));
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #call<T>(operation: Operation, options: CallOptions | undefined, call: () => Promise<T>): Promise<T> {
    this.#operations[operation].calls++;
    try {
      return await call();
    } catch (error) {
      this.#failed(operation, options, error);
      throw error;
    }
  }

  async *#iterate<T>(operation: Operation, options: CallOptions | undefined, call: () => AsyncIterable<T>, bytesOf?: (item: T) => number): AsyncGenerator<T> {
    const counted = this.#operations[operation];
    counted.calls++;
    try {
      for await (const item of call()) {
        if (bytesOf !== undefined) counted.bytes += bytesOf(item);
        yield item;
      }
    } catch (error) {
      this.#failed(operation, options, error);
      throw error;
    }
  }

  #failed(operation: Operation, options: CallOptions | undefined, error: unknown): void {
    if (options?.signal?.aborted === true) return;
    const { errors } = this.#operations[operation];
    // Names of foreign errors are not counted one by one: their number has no bound.
    const code = isLSError(error) ? error.code : "other";
    errors.set(code, (errors.get(code) ?? 0) + 1);
  }
}

function tally(): Tally {
  return { calls: 0, bytes: 0, errors: new Map() };
}
