import { type Arena, BATCH_BYTES, IN_OFFSET, IN_SIZE, OUT_OFFSET } from "./arena.js";
import { acquireArena, releaseArena } from "./arena-pool.js";
import { crcReset, crcUpdate, crcUpdateBytes, crcValue } from "./crc64.js";
import { DatabaseChecksum } from "./database-checksum.js";
import { LTXError } from "./error.js";
import { CHECKSUM_FLAG, LTX_HEADER_SIZE, LTX_TRAILER_SIZE, PAGE_HEADER_SIZE } from "./format.js";
import { completeHeader, encodeLTXHeader, holdsEveryPage, type LTXHeader, type LTXHeaderInit, tracksChecksums } from "./header.js";
import { PageIndexBuilder } from "./index-builder.js";
import { hashLog } from "./lz4-block.js";
import { PageSequence } from "./page-sequence.js";

const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/**
 * Writes one LTX file, a batch of pages at a time and without allocating per page.
 *
 * Fill {@link input} with up to {@link batchPages} pages, call {@link encodeBatch}, store the bytes it returns, and so
 * on; {@link finish} returns the rest of the file. Everything returned before `finish` is a view that the next call
 * overwrites. After an error the file cannot be continued: call {@link dispose}.
 *
 * Memory: one arena of 1152 KiB, plus the page index, about 9 bytes per page.
 */
export class LTXEncoder {
  readonly header: LTXHeader;
  /** Pages that one batch holds at most: 256 KiB worth. */
  readonly batchPages: number;
  readonly #log: number;
  readonly #sequence: PageSequence;
  readonly #index = new PageIndexBuilder();
  readonly #databaseChecksum: DatabaseChecksum | undefined;
  #arena: Arena | undefined;
  #input: Uint8Array<ArrayBuffer>;
  /** Pages that encodePage has collected and that are not encoded yet. */
  #pending = 0;
  readonly #pendingPgnos: Uint32Array;
  #headerWritten = false;
  #bytesWritten = 0;

  /** @throws {@link LTXError} `LTX_INVALID` when the header describes no valid file. */
  constructor(header: LTXHeaderInit) {
    this.header = completeHeader(header);
    this.batchPages = Math.max(1, BATCH_BYTES / this.header.pageSize);
    this.#log = hashLog(this.header.pageSize);
    this.#sequence = new PageSequence(this.header, "LTX_INVALID");
    this.#databaseChecksum = tracksChecksums(this.header) && holdsEveryPage(this.header) ? new DatabaseChecksum() : undefined;
    this.#pendingPgnos = new Uint32Array(this.batchPages);
    this.#arena = acquireArena();
    this.#input = this.#arena.bytes.subarray(IN_OFFSET, IN_OFFSET + IN_SIZE);
    crcReset(this.#arena.register);
  }

  /** Where the pages of the next batch go: page slot i at i * pageSize. 512 KiB, at least twice a batch. Valid until `finish` or `dispose`. */
  get input(): Uint8Array {
    return this.#input;
  }

  /** File bytes returned so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /**
   * Encodes the first `count` pages of {@link input} and returns the next bytes of the file: a view, valid until the next call.
   * @param pgnos their page numbers, ascending, also over the calls.
   * @param count at most {@link batchPages}; 0 is allowed.
   * @param offsets where in `input` each page lies, in bytes. Default: one after the other from 0.
   * @throws {@link LTXError} `LTX_INVALID` for a page number out of order, above `commit`, or of the lock page, and for a gap
   *   in a file whose first transaction is 1.
   */
  encodeBatch(pgnos: Uint32Array, count: number, offsets?: Uint32Array): Uint8Array {
    if (this.#pending > 0) throw new TypeError("encodeBatch after encodePage: use one of them for a file");
    const arena = this.#open();
    const { pageSize } = this.header;
    if (!Number.isInteger(count) || count < 0 || count > this.batchPages || count > pgnos.length) {
      throw new RangeError(`batch of ${count} pages: 0 to ${Math.min(this.batchPages, pgnos.length)} expected`);
    }
    if (offsets !== undefined && offsets.length < count) throw new RangeError(`${offsets.length} offsets for ${count} pages`);
    for (let i = 0; i < count; i++) {
      const pgno = pgnos[i] ?? 0;
      const offset = offsets === undefined ? i * pageSize : (offsets[i] ?? 0);
      if (offset > IN_SIZE - pageSize) throw new RangeError(`page offset ${offset} is outside the input`);
      this.#sequence.accept(pgno);
      arena.pgnos[i] = pgno;
      arena.offsets[i] = IN_OFFSET + offset;
      this.#databaseChecksum?.add(pgno, arena.view, IN_OFFSET + offset, pageSize);
    }
    const start = this.#putHeader(arena);
    const written = arena.kernel.encodePages(count, pageSize, OUT_OFFSET + start, this.#log);
    for (let i = 0; i < count; i++) this.#index.add(arena.pgnos[i] ?? 0, arena.sizes[i] ?? 0);
    this.#bytesWritten += start + written;
    return arena.bytes.subarray(OUT_OFFSET, OUT_OFFSET + start + written);
  }

  /**
   * Adds one page; the content is copied. Returns the next bytes of the file as {@link encodeBatch} does: none until a
   * batch is full. Convenient, not fast.
   * @throws {@link LTXError} as `encodeBatch`, but possibly only when the batch is full.
   */
  encodePage(pgno: number, page: Uint8Array): Uint8Array {
    this.#open();
    const { pageSize } = this.header;
    if (page.length !== pageSize) throw new LTXError("LTX_INVALID", `page ${pgno} has ${page.length} bytes instead of ${pageSize}`);
    if (!Number.isInteger(pgno) || pgno < 1 || pgno > this.header.commit) {
      throw new LTXError("LTX_INVALID", `page ${pgno} is outside the database of ${this.header.commit} pages`);
    }
    this.#input.set(page, this.#pending * pageSize);
    this.#pendingPgnos[this.#pending++] = pgno;
    return this.#pending === this.batchPages ? this.#flushPending() : NO_BYTES;
  }

  /**
   * The rest of the file: pages not returned yet, page index, trailer. The caller's own bytes. The encoder is done then.
   * @param postApplyChecksum the database checksum after the file is applied. Must be absent or 0 without checksum
   *   tracking. With it, required unless the file holds every page: then it is computed, and compared if given.
   * @throws {@link LTXError} `LTX_INVALID` when pages are missing in a file that must hold every page, or for the checksum.
   */
  finish(postApplyChecksum?: bigint): Uint8Array<ArrayBuffer> {
    const arena = this.#open();
    const pages = this.#pending > 0 || !this.#headerWritten ? this.#flushPending() : NO_BYTES;
    this.#sequence.end();
    const postApply = this.#postApplyChecksum(postApplyChecksum);
    const indexAt = pages.length + PAGE_HEADER_SIZE;
    const trailerAt = indexAt + this.#index.size;
    const tail = new Uint8Array(trailerAt + LTX_TRAILER_SIZE);
    const view = new DataView(tail.buffer);
    tail.set(pages, 0);
    this.#index.finish(tail, indexAt);
    view.setBigUint64(trailerAt, postApply, false);
    crcUpdate(arena.register, view, pages.length, trailerAt + 8 - pages.length);
    view.setBigUint64(trailerAt + 8, crcValue(arena.register) | CHECKSUM_FLAG, false);
    this.#bytesWritten += tail.length - pages.length;
    this.dispose();
    return tail;
  }

  /** Gives the memory back without finishing the file. Idempotent; also after `finish`. */
  dispose(): void {
    if (this.#arena === undefined) return;
    releaseArena(this.#arena);
    this.#arena = undefined;
    this.#input = NO_BYTES;
  }

  #open(): Arena {
    if (this.#arena === undefined) throw new TypeError("the encoder is finished or disposed");
    return this.#arena;
  }

  #flushPending(): Uint8Array {
    const count = this.#pending;
    this.#pending = 0;
    return this.encodeBatch(this.#pendingPgnos, count);
  }

  /** Puts the file header before the first frames; returns its length, or 0 later on. */
  #putHeader(arena: Arena): number {
    if (this.#headerWritten) return 0;
    this.#headerWritten = true;
    const bytes = encodeLTXHeader(this.header);
    crcUpdateBytes(arena.register, bytes);
    arena.bytes.set(bytes, OUT_OFFSET);
    return LTX_HEADER_SIZE;
  }

  #postApplyChecksum(given: bigint | undefined): bigint {
    if (!tracksChecksums(this.header)) {
      if (given !== undefined && given !== 0n) throw new LTXError("LTX_INVALID", "post-apply checksum in a file without checksum tracking");
      return 0n;
    }
    const computed = this.#databaseChecksum?.value() ?? (this.header.commit === 0 ? CHECKSUM_FLAG : undefined);
    const value = given ?? computed;
    if (value === undefined || (value & CHECKSUM_FLAG) === 0n || BigInt.asUintN(64, value) !== value) {
      throw new LTXError("LTX_INVALID", "post-apply checksum is missing or malformed");
    }
    if (computed !== undefined && value !== computed) throw new LTXError("LTX_INVALID", "post-apply checksum is not the one of the pages");
    return value;
  }
}
