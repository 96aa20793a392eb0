import { type Arena, BATCH_BYTES, DECODE_END, DECODE_LEGACY, IN_OFFSET, IN_SIZE, OUT_OFFSET } from "./arena.js";
import { acquireArena, releaseArena } from "./arena-pool.js";
import { crcReset, crcUpdateBytes } from "./crc64.js";
import { DatabaseChecksum } from "./database-checksum.js";
import { LTXError } from "./error.js";
import { LTX_HEADER_SIZE } from "./format.js";
import { throwOnBadFrame } from "./frame-status.js";
import { decodeLTXHeader, holdsEveryPage, type LTXHeader, tracksChecksums } from "./header.js";
import { PageIndexDigest } from "./index-builder.js";
import { decodeLegacyFrame } from "./legacy-frame.js";
import { PageSequence } from "./page-sequence.js";
import { FileTail, type LTXTrailer } from "./tail.js";

const NO_BYTES = new Uint8Array(0);

/** Decoded pages: page i is `pgnos[i]`, its content lies at `data[i * pageSize]`. Views, valid until the next batch. */
export interface LTXPageBatch {
  readonly pgnos: Uint32Array;
  /** Pages in the batch; `pgnos` and `data` may be longer. */
  readonly count: number;
  readonly data: Uint8Array;
}

/** What is known of a file after its last byte. */
export interface LTXFileSummary {
  readonly header: LTXHeader;
  readonly trailer: LTXTrailer;
  readonly pageCount: number;
  /** File size in bytes. */
  readonly size: number;
}

/**
 * Reads one LTX file from chunks of any size, and verifies it as it goes: structure, page order, completeness of a file
 * that must hold every page, the page index against the frames, the file checksum, and the post-apply database checksum
 * where the file alone decides it. Pages are handed out *before* the file checksum is known: what they are written to must not be
 * used until {@link finish} has returned.
 *
 * Memory: one arena of 1152 KiB, whatever the file's size.
 */
export class LTXDecoder {
  readonly #arena: Arena;
  #released = false;
  #failure: unknown;
  #pushing = false;
  #state: "header" | "pages" | "tail" = "header";
  readonly #headerBytes = new Uint8Array(LTX_HEADER_SIZE);
  /** Bytes of the file taken so far. */
  #size = 0;
  /** Bytes waiting at IN. */
  #buffered = 0;
  #header: LTXHeader | undefined;
  #sequence: PageSequence | undefined;
  #databaseChecksum: DatabaseChecksum | undefined;
  readonly #index = new PageIndexDigest();
  #tail: FileTail | undefined;
  readonly #batch: { pgnos: Uint32Array; count: number; data: Uint8Array };

  constructor() {
    this.#arena = acquireArena();
    crcReset(this.#arena.register);
    this.#batch = { pgnos: this.#arena.pgnos, count: 0, data: this.#arena.bytes.subarray(OUT_OFFSET, OUT_OFFSET + BATCH_BYTES) };
  }

  /** The file header, once its 100 bytes have been pushed. */
  get header(): LTXHeader | undefined {
    return this.#header;
  }

  /**
   * Where the next bytes of the file can be read to. A part of it, from its start, is pushed without being copied. Up to 512 KiB and never less
   * than 400 KiB; valid until the next push. Empty once the decoder is done.
   */
  get input(): Uint8Array {
    return this.#released ? NO_BYTES : this.#arena.bytes.subarray(IN_OFFSET + this.#buffered, IN_OFFSET + IN_SIZE);
  }

  /**
   * Takes the next bytes of the file and gives the pages that are complete. Iterate to the end before the next push;
   * `chunk` must not change meanwhile.
   * @throws {@link LTXError} at the first contradiction.
   */
  *push(chunk: Uint8Array): Generator<LTXPageBatch, void, undefined> {
    this.#assertUsable();
    this.#pushing = true;
    try {
      let at = 0;
      if (this.#state === "header") {
        at = this.#takeHeader(chunk);
        if (this.#header === undefined) {
          this.#pushing = false;
          return;
        }
      }
      const { pageSize } = this.#started();
      const maxPages = Math.max(1, BATCH_BYTES / pageSize);
      while (this.#state === "pages" && at < chunk.length) {
        const take = Math.min(IN_SIZE - this.#buffered, chunk.length - at);
        if (take === 0) throw new LTXError("LTX_CORRUPTED", "a page frame is larger than any page can be");
        const bytes = take === chunk.length ? chunk : chunk.subarray(at, at + take);
        const target = IN_OFFSET + this.#buffered;
        if (bytes.byteOffset !== target || bytes.buffer !== this.#arena.bytes.buffer) this.#arena.bytes.set(bytes, target);
        at += take;
        this.#size += take;
        this.#buffered += take;
        let start = 0;
        for (;;) {
          const consumed = this.#decode(start, pageSize, maxPages);
          start += consumed;
          if (this.#batch.count > 0) yield this.#batch;
          if (this.#state !== "pages" || consumed === 0) break;
        }
        this.#arena.bytes.copyWithin(IN_OFFSET, IN_OFFSET + start, IN_OFFSET + this.#buffered);
        this.#buffered -= start;
      }
      if (this.#tail !== undefined) {
        if (this.#buffered > 0) {
          this.#tail.push(this.#arena.bytes.subarray(IN_OFFSET, IN_OFFSET + this.#buffered));
          this.#buffered = 0;
        }
        this.#tail.push(chunk.subarray(at));
        this.#size += chunk.length - at;
      }
      // Stays set when the caller leaves the generator early: the rest of the chunk is lost then.
      this.#pushing = false;
    } catch (error) {
      this.#failure = error;
      this.dispose();
      throw error;
    }
  }

  /**
   * Says that the file ends here. Releases the memory.
   * @throws {@link LTXError} `LTX_TRUNCATED` when it cannot end here, `LTX_CHECKSUM_MISMATCH`, `LTX_CORRUPTED`.
   */
  finish(): LTXFileSummary {
    this.#assertUsable();
    try {
      if (this.#header === undefined || this.#tail === undefined || this.#sequence === undefined) {
        throw new LTXError("LTX_TRUNCATED", `the file ends after ${this.#size} bytes, in its ${this.#state === "header" ? "header" : "page block"}`);
      }
      const trailer = this.#tail.finish();
      return { header: this.#header, trailer, pageCount: this.#sequence.count, size: this.#size };
    } finally {
      this.dispose();
    }
  }

  /** Gives the memory back; batches handed out become invalid. Idempotent. */
  dispose(): void {
    if (this.#released) return;
    this.#released = true;
    releaseArena(this.#arena);
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#released) throw new TypeError("the decoder is finished or disposed");
    if (this.#pushing) throw new TypeError("the batches of the last push were not read to the end");
  }

  #started(): LTXHeader {
    if (this.#header === undefined) throw new TypeError("the header has not been read");
    return this.#header;
  }

  /** Collects the header; returns how many bytes of the chunk belong to it. */
  #takeHeader(chunk: Uint8Array): number {
    const take = Math.min(LTX_HEADER_SIZE - this.#size, chunk.length);
    this.#headerBytes.set(chunk.subarray(0, take), this.#size);
    this.#size += take;
    if (this.#size < LTX_HEADER_SIZE) return take;
    const header = decodeLTXHeader(this.#headerBytes);
    crcUpdateBytes(this.#arena.register, this.#headerBytes);
    this.#header = header;
    this.#sequence = new PageSequence(header, "LTX_CORRUPTED");
    if (tracksChecksums(header) && holdsEveryPage(header)) this.#databaseChecksum = new DatabaseChecksum();
    this.#state = "pages";
    return take;
  }

  /** Decodes one batch from `start` of what is buffered; sets the batch, returns the bytes consumed. */
  #decode(start: number, pageSize: number, maxPages: number): number {
    const arena = this.#arena;
    const from = IN_OFFSET + start;
    const available = this.#buffered - start;
    const status = arena.kernel.decodeFrames(from, available, pageSize, maxPages);
    let consumed = arena.result[0] ?? 0;
    let count = arena.result[1] ?? 0;
    if (status === DECODE_LEGACY && count === 0) {
      const size = decodeLegacyFrame(arena, from, available, pageSize);
      consumed = size;
      count = size === 0 ? 0 : 1;
    }
    for (let i = 0; i < count; i++) {
      const pgno = arena.pgnos[i] ?? 0;
      this.#sequence?.accept(pgno);
      this.#index.add(pgno, arena.sizes[i] ?? 0);
      this.#databaseChecksum?.add(pgno, arena.view, OUT_OFFSET + i * pageSize, pageSize);
    }
    this.#batch.count = count;
    if (status === DECODE_END) {
      this.#sequence?.end();
      this.#state = "tail";
      this.#tail = new FileTail({
        header: this.#started(),
        register: arena.register,
        index: this.#index,
        databaseChecksum: this.#databaseChecksum?.value(),
      });
    }
    throwOnBadFrame(status, this.#index.frameOffset);
    return consumed;
  }
}
