import { type CRCRegister, crcUpdate } from "./crc64.js";
import { INDEX_SIZE_FIELD, LTX_HEADER_SIZE } from "./format.js";
import { MAX_VARINT_SIZE, putVarint } from "./varint.js";

/** Most bytes that one entry takes: page number and frame size below 2^32, offset below 2^53. */
const MAX_ENTRY_SIZE = 5 + MAX_VARINT_SIZE + 5;

/**
 * The page index, encoded while the frames go by: an entry is page number, offset and size of a frame, and frames lie
 * one after the other behind the header, so the sizes decide everything.
 */
abstract class IndexEntries {
  protected bytes: Uint8Array<ArrayBuffer>;
  protected used = 0;
  #offset = LTX_HEADER_SIZE;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.bytes = bytes;
  }

  /** Where the next frame begins in the file. */
  get frameOffset(): number {
    return this.#offset;
  }

  /** Adds the entry of the next frame. */
  add(pgno: number, size: number): void {
    if (this.bytes.length - this.used < MAX_ENTRY_SIZE) this.makeRoom();
    let at = putVarint(this.bytes, this.used, pgno);
    at = putVarint(this.bytes, at, this.#offset);
    this.used = putVarint(this.bytes, at, size);
    this.#offset += size;
  }

  protected abstract makeRoom(): void;
}

/** Keeps the entries, for the writer: about 9 bytes per page, which the format puts behind all of the pages. */
export class PageIndexBuilder extends IndexEntries {
  constructor() {
    super(new Uint8Array(4096));
  }

  protected override makeRoom(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes.subarray(0, this.used));
    this.bytes = larger;
  }

  /** The size of {@link finish}'s result. */
  get size(): number {
    return this.used + 1 + INDEX_SIZE_FIELD;
  }

  /** Writes entries, terminator and size field to `target` at `at`. */
  finish(target: Uint8Array<ArrayBuffer>, at: number): void {
    target.set(this.bytes.subarray(0, this.used), at);
    const size = this.used + 1;
    target[at + this.used] = 0;
    const view = new DataView(target.buffer, target.byteOffset + at + size, INDEX_SIZE_FIELD);
    view.setUint32(0, Math.floor(size / 2 ** 32), false);
    view.setUint32(4, size >>> 0, false);
  }
}

/**
 * Length and checksum of the index that belongs to the frames seen, for the reader. Constant memory: an index is
 * compared by them, so that a reader needs no list of all pages.
 */
export class PageIndexDigest extends IndexEntries {
  readonly #register: CRCRegister = new Int32Array([-1, -1]);
  #flushed = 0;

  /** Bytes that a digest works in. Few: a merge has thousands of them. */
  static readonly BYTES: number = 256;

  /** @param bytes see {@link PageIndexDigest.BYTES}. */
  constructor(bytes: Uint8Array<ArrayBuffer> = new Uint8Array(PageIndexDigest.BYTES)) {
    super(bytes);
  }

  protected override makeRoom(): void {
    crcUpdate(this.#register, new DataView(this.bytes.buffer, this.bytes.byteOffset, this.used), 0, this.used);
    this.#flushed += this.used;
    this.used = 0;
  }

  /** Length in bytes, terminator included, and checksum register of the expected index. */
  finish(): { readonly size: number; readonly register: CRCRegister } {
    if (this.bytes.length === this.used) this.makeRoom();
    this.bytes[this.used++] = 0;
    this.makeRoom();
    return { size: this.#flushed, register: this.#register };
  }
}
