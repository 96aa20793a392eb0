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
import { throwUndeleted } from "@ls/core/backend-kit";
import { Connection } from "./connection.js";
import { CreateOnlyProbe } from "./create-only.js";
import { deleteEverything, deleteKeys } from "./delete.js";
import { readEnvironment } from "./environment.js";
import { listFiles } from "./list.js";
import type { S3Options } from "./options.js";
import { keyOf, type Place } from "./place.js";
import { readObject } from "./read.js";
import { checkedSettings } from "./settings.js";
import { UploadSweep } from "./sweep.js";
import { writeObject } from "./write.js";

export type { S3Credentials, S3Options } from "./options.js";

/**
 * A replica in S3 or a compatible service, in upstream's layout. Registers nothing, and does nothing before the first call.
 * `capabilities.createOnly` is true until the service was found to ignore the condition, at the first write that sets it.
 */
export class S3ReplicaClient implements ReplicaClient {
  readonly type: string = "s3";
  /** The place as a URL, without anything secret. */
  readonly destination: string;
  readonly #place: Place;
  readonly #probe: CreateOnlyProbe;
  readonly #sweep: UploadSweep;

  /** @throws LSError `LS_INVALID_OPTION`. */
  constructor(options: S3Options) {
    const settings = checkedSettings(options, readEnvironment());
    this.#place = { settings, connection: new Connection(settings) };
    this.#probe = new CreateOnlyProbe(this.#place);
    this.#sweep = new UploadSweep(this.#place);
    this.destination = settings.destination;
  }

  get capabilities(): ReplicaClientCapabilities {
    return { createOnly: this.#probe.isSupported, rawKeys: false, orderedSeek: true, timestamps: "metadata" };
  }

  /** Reads the files that options name; sends no request. */
  async init(options: InitOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await this.#place.connection.open();
  }

  async *ltxFiles(level: number, options: ListOptions = {}): AsyncGenerator<LTXFileInfo, void, undefined> {
    options.signal?.throwIfAborted();
    yield* listFiles(this.#place, level, options);
  }

  async *openLTXFile(ref: LTXFileRef, options: OpenOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    yield* readObject(this.#place, ref, options);
  }

  async writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<LTXFileInfo> {
    const info = await writeObject(this.#place, this.#probe, ref, data, options);
    // Beside a large upload one request more does not count; small ones stay one.
    if (info.size > this.#place.settings.partSizeBytes) await this.#sweep.ifDue(options.signal);
    return info;
  }

  async deleteLTXFiles(refs: readonly LTXFileRef[], options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const keys = refs.map((ref) => keyOf(this.#place, ref));
    throwUndeleted(await deleteKeys(this.#place, keys, options.signal), keys.length);
  }

  async deleteAll(options: CallOptions = {}): Promise<void> {
    options.signal?.throwIfAborted();
    await deleteEverything(this.#place, options.signal);
  }

  async close(): Promise<void> {
    await this.#place.connection.close();
  }
}
