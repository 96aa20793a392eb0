import { nextChunk } from "./next-chunk.js";

/** Where a buffer of unknown length starts: most files are far smaller than a part. */
const FIRST_BYTES = 64 * 1024;

/** Options of a `PartReader`. */
export interface PartReaderOptions {
  /** Bytes of each part but the last, 1 or more. */
  readonly partBytes: number;
  /** Expected bytes of all, 0 or more: a small file then gets a buffer of its size at once. Default: not known. */
  readonly sizeHint?: number | undefined;
  /** Ends the reading. Default: none. */
  readonly signal?: AbortSignal | undefined;
}

export interface Part {
  /** Valid until {@link PartReader.release}. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Nothing follows. */
  readonly isLast: boolean;
}

/**
 * Cuts a source into parts of one size, as multipart uploads need them. Memory is one part for each that was not released yet. Whether a part is
 * the last is known with it, so that a small file can go up in one request.
 *
 * Who sends one part after the other iterates (`for await`): a part is then valid until the next is asked for, and leaving the loop ends the source.
 * Who sends several at a time calls {@link PartReader.next}, {@link PartReader.release} and {@link PartReader.close}.
 */
export class PartReader implements AsyncIterable<Part> {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #options: PartReaderOptions;
  readonly #idle: Uint8Array<ArrayBuffer>[] = [];
  /** What is left of the chunk that did not fit. */
  #rest: Uint8Array | undefined;
  #isExhausted = false;
  #isFirst = true;

  constructor(source: AsyncIterable<Uint8Array>, options: PartReaderOptions) {
    this.#source = source[Symbol.asyncIterator]();
    this.#options = options;
  }

  /** The next part; the first one may be empty, and one that says `isLast` ends it. @throws what the source throws; the signal's reason. */
  async next(): Promise<Part> {
    const { partBytes } = this.#options;
    let buffer = this.#idle.pop() ?? new Uint8Array(this.#firstBytes());
    let length = 0;
    this.#isFirst = false;
    for (;;) {
      this.#rest ??= await this.#nextFilled();
      if (this.#rest === undefined) return { bytes: buffer.subarray(0, length), isLast: true };
      if (length === partBytes) return { bytes: buffer.subarray(0, length), isLast: false };
      const fitting = this.#rest.subarray(0, partBytes - length);
      if (length + fitting.length > buffer.length) buffer = grown(buffer, length, Math.min(partBytes, Math.max(2 * buffer.length, length + fitting.length)));
      buffer.set(fitting, length);
      length += fitting.length;
      this.#rest = fitting.length < this.#rest.length ? this.#rest.subarray(fitting.length) : undefined;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Part, void, undefined> {
    try {
      for (let isLast = false; !isLast; ) {
        const part = await this.next();
        isLast = part.isLast;
        yield part;
        this.release(part);
      }
    } finally {
      this.close();
    }
  }

  /** A part is done with: its memory is used for another. */
  release(part: Part): void {
    const buffer = new Uint8Array(part.bytes.buffer);
    if (buffer.length === this.#options.partBytes) this.#idle.push(buffer);
  }

  /** Ends the source where it is not at its end. Not waited for: one that hangs must not hold an aborted call. */
  close(): void {
    if (!this.#isExhausted) void this.#source.return?.().catch(() => {});
    this.#isExhausted = true;
  }

  #firstBytes(): number {
    const { partBytes, sizeHint } = this.#options;
    return this.#isFirst ? Math.min(partBytes, Math.max(1, sizeHint ?? FIRST_BYTES)) : partBytes;
  }

  async #nextFilled(): Promise<Uint8Array | undefined> {
    while (!this.#isExhausted) {
      const chunk = await nextChunk(this.#source, this.#options.signal);
      if (chunk === undefined) this.#isExhausted = true;
      else if (chunk.length > 0) return chunk;
    }
    return undefined;
  }
}

function grown(buffer: Uint8Array, length: number, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size);
  larger.set(buffer.subarray(0, length));
  return larger;
}
