import { BufferPool } from "./buffer-pool.js";

/** Chunks are gathered to writes of this size: an encoder may give a few bytes at a time. */
const WRITE_BYTES = 512 * 1024;
/** Most files are small, and hundreds of them may be on their way at a time. */
const SMALL_BYTES = 64 * 1024;

const large = new BufferPool(WRITE_BYTES, 2);
const small = new BufferPool(SMALL_BYTES, 16);

/** Where the chunks of one file wait until there are enough of them for a write. */
export class WriteBuffer {
  #bytes: Uint8Array<ArrayBuffer> = small.take();
  #length = 0;

  /** Takes a chunk in. @returns false when there is no room for it before {@link WriteBuffer.take}; there never is for one that is a write of its own. */
  add(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length;
    if (length > WRITE_BYTES) return false;
    if (length > this.#bytes.length) {
      const larger = large.take();
      larger.set(this.#bytes.subarray(0, this.#length));
      small.give(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
    return true;
  }

  /** What waits: a view, valid until the next call. Nothing does afterwards. */
  take(): Uint8Array {
    const length = this.#length;
    this.#length = 0;
    return this.#bytes.subarray(0, length);
  }

  /** Gives the memory back. Nothing may be called afterwards. */
  dispose(): void {
    (this.#bytes.length === SMALL_BYTES ? small : large).give(this.#bytes);
  }
}
