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
} from "@ls/core/backend-kit";

/** A client that passes every call on: the base of the wrappers that count or fail. */
export class ClientWrapper implements ReplicaClient {
  readonly inner: ReplicaClient;
  readonly type: string;
  readonly capabilities: ReplicaClientCapabilities;
  readonly destination: string | undefined;

  constructor(inner: ReplicaClient) {
    this.inner = inner;
    this.type = inner.type;
    this.destination = inner.destination;
    this.capabilities = inner.capabilities;
  }

  init(options?: InitOptions): Promise<void> {
    return this.inner.init(options);
  }

  ltxFiles(level: number, options?: ListOptions): AsyncIterable<LTXFileInfo> {
    return this.inner.ltxFiles(level, options);
  }

  openLTXFile(ref: LTXFileRef, options?: OpenOptions): AsyncIterable<Uint8Array> {
    return this.inner.openLTXFile(ref, options);
  }

  writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<LTXFileInfo> {
    return this.inner.writeLTXFile(ref, data, options);
  }

  deleteLTXFiles(refs: readonly LTXFileRef[], options?: CallOptions): Promise<void> {
    return this.inner.deleteLTXFiles(refs, options);
  }

  deleteAll(options?: CallOptions): Promise<void> {
    return this.inner.deleteAll(options);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}
