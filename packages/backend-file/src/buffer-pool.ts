/** Buffers of one size that are used again: fresh ones cost a page fault for every 4 KiB, and garbage is collected long after it has grown. */
export class BufferPool {
  readonly #size: number;
  readonly #maxIdle: number;
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];

  constructor(size: number, maxIdle: number) {
    this.#size = size;
    this.#maxIdle = maxIdle;
  }

  /** A buffer with any content. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#idle.pop() ?? new Uint8Array(this.#size);
  }

  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#idle.length < this.#maxIdle) this.#idle.push(buffer);
  }
}
