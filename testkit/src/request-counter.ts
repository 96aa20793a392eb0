import type { CallOptions, InitOptions, ListOptions, LTXFileInfo, LTXFileRef, OpenOptions, ReplicaClient, WriteOptions } from "@ls/core/backend-kit";
import { ClientWrapper } from "./client-wrapper.js";

export type Operation = "init" | "list" | "open" | "write" | "delete" | "delete-all";

/** Counts calls per operation and level: for claims such as "no request in 60 s of idleness". */
export class RequestCounter extends ClientWrapper {
  readonly #counts = new Map<string, number>();
  /** Bytes handed to `writeLTXFile` so far. */
  bytesWritten = 0;
  /** Bytes that came out of `openLTXFile` so far. */
  bytesRead = 0;

  constructor(inner: ReplicaClient) {
    super(inner);
  }

  /** Calls of one operation, at one level or at all. */
  count(operation: Operation, level?: number): number {
    let sum = 0;
    for (const [key, count] of this.#counts) if (level === undefined ? key.startsWith(`${operation}@`) : key === `${operation}@${level}`) sum += count;
    return sum;
  }

  get total(): number {
    let sum = 0;
    for (const count of this.#counts.values()) sum += count;
    return sum;
  }

  reset(): void {
    this.#counts.clear();
    this.bytesWritten = 0;
    this.bytesRead = 0;
  }

  override init(options?: InitOptions): Promise<void> {
    this.#add("init");
    return super.init(options);
  }

  override ltxFiles(level: number, options?: ListOptions): AsyncIterable<LTXFileInfo> {
    this.#add("list", level);
    return super.ltxFiles(level, options);
  }

  override async *openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncGenerator<Uint8Array> {
    this.#add("open", ref.level);
    for await (const chunk of super.openLTXFile(ref, options)) {
      this.bytesRead += chunk.length;
      yield chunk;
    }
  }

  override writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
    this.#add("write", ref.level);
    return super.writeLTXFile(ref, this.#measured(data), options);
  }

  override deleteLTXFiles(refs: readonly LTXFileRef[], options?: CallOptions): Promise<void> {
    this.#add("delete", refs[0]?.level);
    return super.deleteLTXFiles(refs, options);
  }

  override deleteAll(options?: CallOptions): Promise<void> {
    this.#add("delete-all");
    return super.deleteAll(options);
  }

  async *#measured(data: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of data) {
      this.bytesWritten += chunk.length;
      yield chunk;
    }
  }

  #add(operation: Operation, level?: number): void {
    const key = `${operation}@${level ?? ""}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }
}
