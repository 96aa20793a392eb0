import { type CRCRegister, crcUpdate, newRegister } from "./crc64.js";
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
  /** The part of {@link bytes} that is for the entries, */
  protected readonly start: number;
  protected end: number;
  /** and where the next one goes in it. */
  protected at: number;
  #offset = LTX_HEADER_SIZE;

  constructor(bytes: Uint8Array<ArrayBuffer>, start: number, end: number) {
    this.bytes = bytes;
    this.start = this.at = start;
    this.end = end;
  }

  /** Where the next frame begins in the file. */
  get frameOffset(): number {
    return this.#offset;
  }

  /** Adds the entry of the next frame. */
  add(pgno: number, size: number): void {
    if (this.end - this.at < MAX_ENTRY_SIZE) this.makeRoom();
    let at = putVarint(this.bytes, this.at, pgno);
    at = putVarint(this.bytes, at, this.#offset);
    this.at = putVarint(this.bytes, at, size);
    this.#offset += size;
  }

  protected abstract makeRoom(): void;
}

/** Keeps the entries, for the writer: about 9 bytes per page, which the format puts behind all of the pages. */
export class PageIndexBuilder extends IndexEntries {
  constructor() {
    super(new Uint8Array(4096), 0, 4096);
  }

  protected override makeRoom(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
    this.end = larger.length;
  }

  /** The size of {@link finish}'s result. */
  get size(): number {
    return this.at + 1 + INDEX_SIZE_FIELD;
  }

  /** Writes entries, terminator and size field to `target` at `at`. */
  finish(target: Uint8Array<ArrayBuffer>, at: number): void {
    target.set(this.bytes.subarray(0, this.at), at);
    const size = this.at + 1;
    target[at + this.at] = 0;
    const view = new DataView(target.buffer, target.byteOffset + at + size, INDEX_SIZE_FIELD);
    view.setUint32(0, Math.floor(size / 2 ** 32), false);
    view.setUint32(4, size >>> 0, false);
  }
}

/**
 * The index that belongs to the frames seen, for the reader. Constant memory: one that is longer is compared by its checksum, so that a reader
 * needs no list of all pages.
 */
export class PageIndexDigest extends IndexEntries {
  /** Of what had no room any more. Most files of a merge are small, and there are thousands of them. */
  #register: CRCRegister | undefined;
  #flushed = 0;

  /** Bytes that a digest works in. Few: a merge has thousands of them. */
  static readonly BYTES: number = 256;

  /** @param start where in `bytes` there are {@link PageIndexDigest.BYTES} for this one. */
  constructor(bytes: Uint8Array<ArrayBuffer> = new Uint8Array(PageIndexDigest.BYTES), start = 0) {
    super(bytes, start, start + PageIndexDigest.BYTES);
  }

  protected override makeRoom(): void {
    this.#flush();
  }

  #flush(): CRCRegister {
    this.#register ??= newRegister();
    const length = this.at - this.start;
    crcUpdate(this.#register, new DataView(this.bytes.buffer, this.bytes.byteOffset + this.start, length), 0, length);
    this.#flushed += length;
    this.at = this.start;
    return this.#register;
  }

  /** No more frames follow. @returns the length of the expected index in bytes, terminator included. */
  finish(): number {
    if (this.at === this.end) this.#flush();
    this.bytes[this.at++] = 0;
    return this.#flushed + this.at - this.start;
  }

  /** Whether the bytes at `at` of `view`, as many as {@link finish} said, are the expected index. */
  equals(view: DataView, at: number): boolean {
    if (this.#register !== undefined) {
      const length = this.#flushed + this.at - this.start;
      const found = newRegister();
      crcUpdate(found, view, at, length);
      return this.hasChecksum(found);
    }
    for (let i = this.start; i < this.at; i++, at++) {
      if (this.bytes[i] !== view.getUint8(at)) return false;
    }
    return true;
  }

  /** Whether this is the checksum register of the expected index. Call {@link finish} before, and nothing else afterwards. */
  hasChecksum(register: CRCRegister): boolean {
    const expected = this.#flush();
    return expected[0] === register[0] && expected[1] === register[1];
  }
}
