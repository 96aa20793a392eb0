import { LSError } from "../src/errors.js";
import type { LTXFileInfo, LTXFileRef, ReplicaClient, ReplicaClientCapabilities, WriteOptions } from "../src/replica-client.js";

/** What the next write does instead of storing: fail before, store and then fail, or wait for its signal. */
export type WriteFault =
  | { readonly kind: "fail"; readonly error: Error }
  | { readonly kind: "stored-but-error"; readonly error: Error }
  | { readonly kind: "hang" };

/** A destination in memory whose writes fail as told. Level 0 only. */
export class Destination implements ReplicaClient {
  readonly type: string = "test";
  readonly capabilities: ReplicaClientCapabilities;
  readonly files: Map<bigint, Uint8Array> = new Map();
  /** Taken one per write. */
  readonly faults: WriteFault[] = [];
  /** Called with every request, in order. */
  readonly log: string[] = [];

  constructor(capabilities: Partial<ReplicaClientCapabilities> = {}) {
    this.capabilities = { createOnly: true, rawKeys: false, orderedSeek: true, timestamps: "listing", ...capabilities };
  }

  async init(): Promise<void> {}

  async *ltxFiles(level: number, { seek = 0n }: { readonly seek?: bigint | undefined } = {}): AsyncGenerator<LTXFileInfo> {
    this.log.push(`list ${level}`);
    if (level !== 0) return;
    const txids = [...this.files.keys()].filter((txid) => txid >= seek).sort((a, b) => (a < b ? -1 : 1));
    for (const txid of txids) yield this.#info(txid);
  }

  async *openLTXFile(
    ref: LTXFileRef,
    { offset = 0, size = 0 }: { readonly offset?: number | undefined; readonly size?: number | undefined } = {},
  ): AsyncGenerator<Uint8Array> {
    this.log.push(`read ${ref.maxTXID}`);
    const bytes = this.files.get(ref.maxTXID);
    if (bytes === undefined) throw new LSError("LS_LTX_FILE_NOT_FOUND", "not there");
    yield bytes.slice(offset, size === 0 ? undefined : offset + size);
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, { createOnly = false, signal }: WriteOptions = {}): Promise<LTXFileInfo> {
    this.log.push(`write ${ref.maxTXID}`);
    const fault = this.faults.shift();
    if (fault?.kind === "fail") throw fault.error;
    if (fault?.kind === "hang") await new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    if (createOnly && this.files.has(ref.maxTXID)) throw new LSError("LS_CONFLICT", "exists");
    const chunks: Uint8Array[] = [];
    for await (const chunk of data) chunks.push(chunk);
    this.files.set(ref.maxTXID, new Uint8Array(Buffer.concat(chunks)));
    if (fault?.kind === "stored-but-error") throw fault.error;
    return this.#info(ref.maxTXID);
  }

  async deleteLTXFiles(): Promise<void> {}
  async deleteAll(): Promise<void> {}
  async close(): Promise<void> {}

  #info(txid: bigint): LTXFileInfo {
    return { level: 0, minTXID: txid, maxTXID: txid, size: this.files.get(txid)?.length ?? 0, createdAt: new Date(0) };
  }
}
