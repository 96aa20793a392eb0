import { LTXEncoder, type LTXHeaderInit } from "@ls/ltx";
import type { AtomicFileWriter } from "../meta/atomic-file.js";
import type { MetaDirectory } from "../meta/meta-directory.js";

/** One level-0 file while it is being written: encoded, appended, and visible only when it is whole and durable. */
export class Staging {
  readonly #encoder: LTXEncoder;
  readonly #writer: AtomicFileWriter;
  readonly #timestampMs: number;
  #pageCount = 0;

  constructor(meta: MetaDirectory, header: LTXHeaderInit) {
    this.#encoder = new LTXEncoder(header);
    this.#timestampMs = header.timestampMs;
    try {
      this.#writer = meta.stage(header.maxTXID);
    } catch (error) {
      this.#encoder.dispose();
      throw error;
    }
  }

  /** Where pages go before {@link put}: at least twice a batch. */
  get input(): Uint8Array {
    return this.#encoder.input;
  }

  get batchPages(): number {
    return this.#encoder.batchPages;
  }

  get pageCount(): number {
    return this.#pageCount;
  }

  /** Appends pages that lie in {@link input}: one after the other, or at `offsets`. */
  put(pgnos: Uint32Array, count: number, offsets?: Uint32Array): void {
    if (count === 0) return;
    this.#writer.write(this.#encoder.encodeBatch(pgnos, count, offsets));
    this.#pageCount += count;
  }

  /** Finishes the file and makes it durable; its size in bytes. */
  async commit(): Promise<number> {
    this.#writer.write(this.#encoder.finish());
    await this.#writer.commitAsync(this.#timestampMs);
    return this.#writer.size;
  }

  /** Leaves nothing behind. Without effect after {@link commit}. */
  abort(): void {
    this.#encoder.dispose();
    this.#writer.abort();
  }
}
