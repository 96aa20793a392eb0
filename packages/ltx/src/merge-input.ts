import { type CRCRegister, copyRegister, crcReset, crcUpdate } from "./crc64.js";
import { DatabaseChecksum } from "./database-checksum.js";
import { LTXError } from "./error.js";
import { FRAME_HEADER_SIZE, LTX_HEADER_SIZE, maxBlockSize, PAGE_FLAG_SIZE, PAGE_HEADER_SIZE } from "./format.js";
import { holdsEveryPage, type LTXHeader, readLTXHeader, tracksChecksums } from "./header.js";
import { PageIndexDigest } from "./index-builder.js";
import { legacyFrameLimit, legacyFrameSize } from "./legacy-frame.js";
import { PageSequence } from "./page-sequence.js";
import { checkTail, FileTail, type FileTailParts, type LTXTrailer } from "./tail.js";

type Chunk = IteratorResult<Uint8Array>;

interface MixedIterator {
  next(): Chunk | Promise<Chunk>;
  return?(): Promise<unknown>;
}

/**
 * The bytes of one file. What comes synchronously is not waited for, which counts with thousands of small files; an iterator may also give some
 * chunks at once and promises of others.
 */
export type LTXMergeSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | { [Symbol.asyncIterator](): MixedIterator };

/** Not a small integer: a field that holds one at first and not later makes every object change its shape. */
const MAX_UINT32 = 0xffff_ffff;
const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
/** A register for what is computed without a break in between. */
const working: CRCRegister = new Int32Array(2);

/** What all inputs of a merge work in: an ArrayBuffer for each costs more than most of what else there is of a small file. */
export class InputMemory {
  /** Running file checksums: two words for each input. */
  readonly registers: CRCRegister;
  /** {@link PageIndexDigest.BYTES} for each input. */
  readonly indexes: Uint8Array<ArrayBuffer>;

  constructor(inputs: number) {
    this.registers = new Int32Array(2 * inputs);
    this.indexes = new Uint8Array(PageIndexDigest.BYTES * inputs);
  }
}

/**
 * One file of a merge, walked frame by frame *without* decompressing: the page numbers decide the merge. The current
 * frame lies at {@link at} of {@link bytes}. Whoever decompresses it advances the file's checksum, at {@link registerAt} of {@link registers}.
 *
 * Memory: the source's current chunk, and room for two frames where one is cut by its border.
 */
export class MergeInput {
  /** Position among the inputs, oldest first; newest page wins. */
  readonly order: number;
  /** Running file checksum. */
  readonly registers: CRCRegister;
  readonly registerAt: number;
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  /** Where the current frame begins in {@link bytes}. */
  at = 0;
  /** Page number of the current frame; 0 once the page block has ended. */
  pgno = 0;
  /** Size of the current frame. */
  size = 0;
  /** Whether the current frame is an LZ4 frame without size prefix. */
  legacy = false;
  /** Pages above this one are gone: the smallest database size among the newer files. */
  limit: number = MAX_UINT32;
  /** Where the batch keeps the running checksum, or -1. */
  slot = -1;
  databaseChecksum: DatabaseChecksum | undefined;
  trailer: LTXTrailer | undefined;

  /** What is given as an array, as each small file is, needs no iterator. */
  readonly #pieces: readonly Uint8Array[] | undefined;
  #nextPiece = 0;
  readonly #iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array> | MixedIterator | undefined;
  /** Whether the source has nothing more to give: it needs no closing then. */
  #exhausted = false;
  readonly #index: PageIndexDigest;
  #header: LTXHeader | undefined;
  #pageSize = 0;
  /** The largest block that a frame may hold. */
  #blockLimit = 0;
  #sequence: PageSequence | undefined;
  /** The largest thing that must lie in one piece: the header first, then a frame. */
  #frameLimit = LTX_HEADER_SIZE;
  /** Where what crosses the border of two chunks is put together. */
  #joint: Uint8Array<ArrayBuffer> = NO_BYTES;
  /** While {@link bytes} is the joint: the chunk that goes on behind it, */
  #nextChunk: Uint8Array | undefined;
  /** and where in the joint that chunk begins. */
  #border = 0;

  /**
   * @param source its chunks may be overwritten when the next one is asked for.
   * @param memory has room for this input, as for every other.
   */
  constructor(source: LTXMergeSource, order: number, memory: InputMemory) {
    this.order = order;
    this.registers = memory.registers;
    this.registerAt = 2 * order;
    this.#index = new PageIndexDigest(memory.indexes, PageIndexDigest.BYTES * order);
    if (Array.isArray(source)) this.#pieces = source;
    else this.#iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  get header(): LTXHeader {
    if (this.#header === undefined) throw new TypeError("the header has not been read");
    return this.#header;
  }

  /** Where the current frame lies in the file. */
  get frameOffset(): number {
    return this.#index.frameOffset - this.size;
  }

  /** Reads the file header. @returns what has to be waited for, if anything. */
  open(): Promise<void> | undefined {
    while (this.bytes.length - this.at < LTX_HEADER_SIZE) {
      const filling = this.fill();
      if (filling !== undefined) return filling.then(() => this.open());
    }
    const header = readLTXHeader(this.view);
    crcReset(working);
    crcUpdate(working, this.view, 0, LTX_HEADER_SIZE);
    copyRegister(working, 0, this.registers, this.registerAt);
    this.at = LTX_HEADER_SIZE;
    this.#header = header;
    this.#pageSize = header.pageSize;
    this.#blockLimit = maxBlockSize(header.pageSize);
    this.#frameLimit = legacyFrameLimit(header.pageSize);
    this.#sequence = new PageSequence(header, "LTX_CORRUPTED");
    if (tracksChecksums(header) && holdsEveryPage(header)) this.databaseChecksum = new DatabaseChecksum();
    return undefined;
  }

  /** Steps over the current frame. Call {@link scan} next. */
  consume(): void {
    this.at += this.size;
    this.size = 0;
  }

  /** Makes the frame at {@link at} the current one; false while its bytes are not at hand: then {@link fill} and scan again. */
  scan(): boolean {
    const { view, at } = this;
    if (this.#nextChunk !== undefined && at >= this.#border) return false;
    const available = this.bytes.length - at;
    if (available < PAGE_HEADER_SIZE) return false;
    const pgno = view.getUint32(at, false);
    const flags = view.getUint16(at + 4, false);
    if (pgno === 0 && flags === 0) {
      this.#sequence?.end();
      this.pgno = 0;
      return true;
    }
    if (flags !== 0 && flags !== PAGE_FLAG_SIZE) {
      throw new LTXError("LTX_UNSUPPORTED", `unknown page flags in the frame at byte ${this.#index.frameOffset}`);
    }
    let size = 0;
    if (flags === 0) {
      size = legacyFrameSize(view, at, available, this.#pageSize);
      if (size === 0) return false;
    } else {
      if (available < FRAME_HEADER_SIZE) return false;
      const payload = view.getUint32(at + PAGE_HEADER_SIZE, false);
      if (payload > this.#blockLimit) {
        throw new LTXError("LTX_CORRUPTED", `the frame at byte ${this.#index.frameOffset} claims more bytes than a page can take`);
      }
      size = FRAME_HEADER_SIZE + payload;
      if (size > available) return false;
    }
    this.#sequence?.accept(pgno);
    this.#index.add(pgno, size);
    this.pgno = pgno;
    this.size = size;
    this.legacy = flags === 0;
    return true;
  }

  /**
   * Makes more bytes available: reads the next chunk, or goes over to one already read. What lay before {@link at} is gone,
   * and what follows it has moved.
   * @returns what has to be waited for, if anything.
   */
  fill(): Promise<void> | undefined {
    if (this.#nextChunk !== undefined) {
      const chunk = this.#nextChunk;
      this.#nextChunk = undefined;
      this.#use(chunk, this.at - this.#border);
      return undefined;
    }
    // Moved away before the next chunk is asked for, which may overwrite this one. It may be a part of the joint already.
    const rest = this.bytes.length - this.at;
    if (rest > 0) this.#join(this.bytes.subarray(this.at), 0);
    const next = this.#next();
    if (isPromise(next)) return this.#takeLater(next, rest);
    this.#take(next, rest);
    return undefined;
  }

  /** The source's next chunk; undefined when there is none. */
  #next(): Uint8Array | undefined | Promise<Chunk> {
    if (this.#pieces !== undefined) return this.#pieces[this.#nextPiece++];
    const next = this.#iterator?.next();
    if (next === undefined) return undefined;
    return "then" in next ? next : chunkOf(next);
  }

  async #takeLater(next: Promise<Chunk>, rest: number): Promise<void> {
    this.#take(chunkOf(await next), rest);
  }

  /** Goes on with a chunk of the source, behind the `rest` bytes that are left of what came before. */
  #take(chunk: Uint8Array | undefined, rest: number): void {
    if (chunk === undefined) throw new LTXError("LTX_TRUNCATED", "the file ends in its header or page block");
    if (rest === 0) {
      this.#use(chunk, 0);
      return;
    }
    // Only the frame across the border is put together; the chunk behind it is used where it lies.
    const head = Math.min(chunk.length, this.#frameLimit);
    this.#join(chunk.subarray(0, head), rest);
    if (head === chunk.length) return;
    this.#nextChunk = chunk;
    this.#border = rest;
  }

  /** Puts bytes behind the first `kept` ones of the joint, and makes the joint the current bytes. They may be a part of it. */
  #join(bytes: Uint8Array, kept: number): void {
    const size = kept + bytes.length;
    const previous = this.#joint;
    if (previous.length < size) {
      this.#joint = new Uint8Array(2 * Math.max(this.#frameLimit, size));
      this.#joint.set(previous.subarray(0, kept), 0);
    }
    this.#joint.set(bytes, kept);
    this.#use(this.#joint.subarray(0, size), 0);
  }

  #use(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = at;
  }

  /** Reads and verifies what follows the page block. All frames must have gone into the file's checksum. @returns what has to be waited for, if anything. */
  end(): Promise<void> | undefined {
    copyRegister(this.registers, this.registerAt, working, 0);
    crcUpdate(working, this.view, this.at, PAGE_HEADER_SIZE);
    const end = this.at + PAGE_HEADER_SIZE;
    if (this.#nextPiece === this.#pieces?.length && this.#nextChunk === undefined) {
      this.#exhausted = true;
      this.trailer = checkTail(this.#tailParts(working), this.view, end);
      this.#forget();
      return undefined;
    }
    const tail = new FileTail(this.#tailParts(working.slice()));
    // The zero page header was not complete before the border, so it ends behind it.
    tail.push(this.#nextChunk === undefined ? this.bytes.subarray(end) : this.#nextChunk.subarray(end - this.#border));
    this.#forget();
    return this.#finish(tail);
  }

  #tailParts(register: CRCRegister): FileTailParts {
    return { header: this.header, register, index: this.#index, databaseChecksum: this.databaseChecksum?.value() };
  }

  #forget(): void {
    this.bytes = NO_BYTES;
    this.view = NO_VIEW;
    this.#joint = NO_BYTES;
    this.#nextChunk = undefined;
  }

  #finish(tail: FileTail): Promise<void> | undefined {
    for (;;) {
      const next = this.#next();
      if (isPromise(next)) return this.#finishLater(next, tail);
      if (this.#isLast(next, tail)) return undefined;
    }
  }

  async #finishLater(next: Promise<Chunk>, tail: FileTail): Promise<void> {
    if (!this.#isLast(chunkOf(await next), tail)) await this.#finish(tail);
  }

  /** Takes what follows the page block. */
  #isLast(chunk: Uint8Array | undefined, tail: FileTail): boolean {
    if (chunk !== undefined) {
      tail.push(chunk);
      return false;
    }
    this.#exhausted = true;
    this.trailer = tail.finish();
    return true;
  }

  /** Tells the source that nothing more is wanted, unless it has given everything. That it fails to close changes nothing: its bytes are not needed any more. */
  async close(): Promise<void> {
    try {
      await this.#iterator?.return?.();
    } catch {}
  }

  /** Whether the source may still have to be told. */
  get isOpen(): boolean {
    return !this.#exhausted && this.#iterator !== undefined;
  }
}

function isPromise(next: Uint8Array | undefined | Promise<Chunk>): next is Promise<Chunk> {
  return next !== undefined && "then" in next;
}

function chunkOf(next: Chunk): Uint8Array | undefined {
  return next.done === true ? undefined : next.value;
}
