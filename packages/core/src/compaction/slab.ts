import { uninitialized } from "../uninitialized.js";

/** What is smaller has no memory of its own. */
export const SMALL_BYTES: number = 64 * 1024;
/** What is small shares memory of this size: one buffer of its own costs as much as to fill it. */
export const SLAB_BYTES: number = 512 * 1024;

/**
 * Slabs of merges that are over, until the garbage collector takes them. One merge may need tens of MiB and be gone in a tenth of a second, and another
 * follow at once: memory that is taken anew costs page faults, and makes the collector run. Held weakly, it is no more than would lie about anyhow.
 */
const idle: WeakRef<Uint8Array<ArrayBuffer>>[] = [];

function takeSlab(): Uint8Array<ArrayBuffer> {
  for (let one = idle.pop(); one !== undefined; one = idle.pop()) {
    const slab = one.deref();
    if (slab !== undefined) return slab;
  }
  return uninitialized(SLAB_BYTES);
}

/** Memory for many small things that go together. */
export class Slabs {
  #bytes: Uint8Array<ArrayBuffer> = uninitialized(0);
  /** How much of {@link Slabs.#bytes} is taken. */
  #taken = 0;
  #wanted: number;
  readonly #whole: Uint8Array<ArrayBuffer>[] = [];

  /** @param bytes what will be taken, at most. */
  constructor(bytes: number) {
    this.#wanted = bytes;
  }

  take(size: number): Uint8Array<ArrayBuffer> {
    if (size > this.#bytes.length - this.#taken) {
      if (size >= SMALL_BYTES) return uninitialized(size);
      this.#bytes = this.#begin(Math.max(this.#wanted, size));
      this.#taken = 0;
    }
    this.#wanted -= size;
    this.#taken += size;
    return this.#bytes.subarray(this.#taken - size, this.#taken);
  }

  /** What was taken last is not needed after all. */
  putBack(bytes: Uint8Array): void {
    if (bytes.buffer !== this.#bytes.buffer) return;
    this.#taken -= bytes.length;
    this.#wanted += bytes.length;
  }

  /** At least so much memory in one piece, which may come back by {@link Slabs.adopt}: it, or what has taken its place. */
  lend(size: number): Uint8Array<ArrayBuffer> {
    // A slab for much less would be more memory than is saved.
    return size <= SLAB_BYTES && size > SLAB_BYTES / 2 ? takeSlab() : uninitialized(size);
  }

  adopt(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === SLAB_BYTES) this.#whole.push(bytes);
  }

  /** Nothing reads or writes any more what was taken or adopted. */
  release(): void {
    for (const slab of this.#whole.splice(0)) idle.push(new WeakRef(slab));
    this.#bytes = uninitialized(0);
    this.#taken = 0;
  }

  #begin(wanted: number): Uint8Array<ArrayBuffer> {
    // Most merges of many databases are of one small file.
    if (wanted < SLAB_BYTES) return uninitialized(wanted);
    const slab = takeSlab();
    this.#whole.push(slab);
    return slab;
  }
}
