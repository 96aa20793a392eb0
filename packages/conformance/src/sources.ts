/** The bytes in chunks of that size. */
export async function* chunked(bytes: Uint8Array, size: number = 64 * 1024): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** As {@link chunked}, but every chunk lies in the same memory, which is overwritten when the next one is asked for. */
export async function* chunkedInPlace(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  const memory = new Uint8Array(size);
  for await (const chunk of chunked(bytes, size)) {
    memory.set(chunk);
    yield memory.subarray(0, chunk.length);
    memory.fill(0xaa);
  }
}

/** The first bytes, then the error. */
export async function* failing(bytes: Uint8Array, after: number, error: unknown): AsyncGenerator<Uint8Array, void, undefined> {
  yield* chunked(bytes.subarray(0, after));
  throw error;
}

/** A source that stops in the middle until it is let go on. */
export class PausedSource {
  readonly #bytes: Uint8Array;
  readonly #after: number;
  /** Settles when the consumer has asked for more than the first part. */
  readonly reached: Promise<void>;
  #reach: () => void = () => {};
  #goOn: () => void = () => {};
  readonly #released: Promise<void>;

  constructor(bytes: Uint8Array, after: number) {
    this.#bytes = bytes;
    this.#after = after;
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.#released = new Promise((resolve) => {
      this.#goOn = resolve;
    });
  }

  resume(): void {
    this.#goOn();
  }

  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* chunked(this.#bytes.subarray(0, this.#after));
    this.#reach();
    await this.#released;
    yield* chunked(this.#bytes.subarray(this.#after));
  }
}
