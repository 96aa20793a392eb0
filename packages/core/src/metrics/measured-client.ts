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
  errors: Map<string, number> | undefined;
}

const OPERATIONS: readonly Operation[] = ["INIT", "LIST", "GET", "PUT", "DELETE"];

/** Counts the calls that one database's replication makes, and otherwise is the client that it was given. */
export class MeasuredClient implements ReplicaClient {
  readonly #inner: ReplicaClient;
  /** Only of what was called, since there may be thousands of clients. */
  readonly #operations: Partial<Record<Operation, Tally>> = {};
  #stored: readonly { readonly level: number; files: number; bytes: number }[] = [];

  constructor(inner: ReplicaClient) {
    this.#inner = inner;
    sharePins(this, inner);
  }

  /** The caller's own. */
  operations(): OperationMetrics[] {
    return OPERATIONS.map((operation) => {
      const { calls = 0, bytes = 0, errors = [] } = this.#operations[operation] ?? {};
      return { operation, calls, bytes, errors: Object.fromEntries(errors) };
    });
  }

  /** Files written, by level. The caller's own. */
  stored(): LevelMetrics[] {
    return this.#stored.map((level) => ({ ...level })).sort((a, b) => a.level - b.level);
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

  /** What is read there is no call. */
  async localDirectory(): Promise<string | undefined> {
    return this.#inner.localDirectory?.();
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
    const file = await this.#call("PUT", options, () => this.#inner.writeLTXFile(ref, data, options));
    this.#tally("PUT").bytes += file.size;
    this.#countStored(ref.level, file.size);
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
    this.#tally(operation).calls++;
    try {
      return await call();
    } catch (error) {
      this.#failed(operation, options, error);
      throw error;
    }
  }

  async *#iterate<T>(operation: Operation, options: CallOptions | undefined, call: () => AsyncIterable<T>, bytesOf?: (item: T) => number): AsyncGenerator<T> {
    const counted = this.#tally(operation);
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
    const tally = this.#tally(operation);
    tally.errors ??= new Map();
    // Names of foreign errors are not counted one by one: their number has no bound.
    const code = isLSError(error) ? error.code : "other";
    tally.errors.set(code, (tally.errors.get(code) ?? 0) + 1);
  }

  #countStored(level: number, bytes: number): void {
    const stored = this.#stored.find((one) => one.level === level);
    if (stored === undefined) this.#stored = [...this.#stored, { level, files: 1, bytes }];
    else {
      stored.files++;
      stored.bytes += bytes;
    }
  }

  #tally(operation: Operation): Tally {
    this.#operations[operation] ??= { calls: 0, bytes: 0, errors: undefined };
    return this.#operations[operation];
  }
}
