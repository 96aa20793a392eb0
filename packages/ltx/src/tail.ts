import { type CRCRegister, crcUpdate, crcValue } from "./crc64.js";
import { LTXError } from "./error.js";
import { CHECKSUM_FLAG, INDEX_SIZE_FIELD, LTX_TRAILER_SIZE } from "./format.js";
import { type LTXHeader, tracksChecksums } from "./header.js";
import type { PageIndexDigest } from "./index-builder.js";

/** The checksums at the end of a file. */
export interface LTXTrailer {
  /** Database checksum after the file is applied; 0 without checksum tracking. */
  readonly postApplyChecksum: bigint;
  /** CRC-64/ISO of the file's logical content, with bit 63 set. */
  readonly fileChecksum: bigint;
}

const FIXED_SIZE = INDEX_SIZE_FIELD + LTX_TRAILER_SIZE;

/**
 * Verifies what follows the page block: page index and trailer. Their length is known beforehand, since the frames
 * determine the index. The index is taken in pieces and compared by checksum.
 */
export class FileTail {
  readonly #header: LTXHeader;
  readonly #fileRegister: CRCRegister;
  readonly #indexRegister: CRCRegister = new Int32Array([-1, -1]);
  readonly #expected: { readonly size: number; readonly register: CRCRegister };
  readonly #databaseChecksum: bigint | undefined;
  readonly #fixed = new Uint8Array(FIXED_SIZE);
  #taken = 0;

  /**
   * @param register the file checksum up to and including the zero page header; advanced here.
   * @param databaseChecksum the checksum of all pages, where the file holds them all and tracks checksums.
   */
  constructor(header: LTXHeader, register: CRCRegister, index: PageIndexDigest, databaseChecksum: bigint | undefined) {
    this.#header = header;
    this.#fileRegister = register;
    this.#expected = index.finish();
    this.#databaseChecksum = databaseChecksum;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    const indexSize = this.#expected.size;
    if (this.#taken < indexSize) {
      at = Math.min(chunk.length, indexSize - this.#taken);
      const view = new DataView(chunk.buffer, chunk.byteOffset, at);
      crcUpdate(this.#indexRegister, view, 0, at);
      crcUpdate(this.#fileRegister, view, 0, at);
      this.#taken += at;
    }
    if (at === chunk.length) return;
    const rest = chunk.subarray(at);
    const filled = this.#taken - indexSize;
    if (filled + rest.length > FIXED_SIZE)
      throw new LTXError("LTX_CORRUPTED", "the file goes on after its trailer, or its page index does not match its frames");
    this.#fixed.set(rest, filled);
    this.#taken += rest.length;
  }

  finish(): LTXTrailer {
    const indexSize = this.#expected.size;
    if (this.#taken < indexSize + FIXED_SIZE) throw new LTXError("LTX_TRUNCATED", "the file ends in its page index or trailer");
    const view = new DataView(this.#fixed.buffer);
    const storedSize = view.getBigUint64(0, false);
    if (storedSize !== BigInt(indexSize) || crcValue(this.#indexRegister) !== crcValue(this.#expected.register)) {
      throw new LTXError("LTX_CORRUPTED", "the page index does not match the frames");
    }
    crcUpdate(this.#fileRegister, view, 0, INDEX_SIZE_FIELD + 8);
    const trailer: LTXTrailer = {
      postApplyChecksum: view.getBigUint64(INDEX_SIZE_FIELD, false),
      fileChecksum: view.getBigUint64(INDEX_SIZE_FIELD + 8, false),
    };
    if (trailer.fileChecksum !== (crcValue(this.#fileRegister) | CHECKSUM_FLAG)) {
      throw new LTXError("LTX_CHECKSUM_MISMATCH", "the file checksum is not the one of the contents");
    }
    this.#checkPostApply(trailer.postApplyChecksum);
    return trailer;
  }

  #checkPostApply(stored: bigint): void {
    if (!tracksChecksums(this.#header)) {
      if (stored !== 0n) throw new LTXError("LTX_CORRUPTED", "post-apply checksum in a file without checksum tracking");
      return;
    }
    if ((stored & CHECKSUM_FLAG) === 0n) throw new LTXError("LTX_CORRUPTED", "post-apply checksum is missing or malformed");
    const expected = this.#header.commit === 0 ? CHECKSUM_FLAG : this.#databaseChecksum;
    if (expected !== undefined && stored !== expected) {
      throw new LTXError("LTX_CHECKSUM_MISMATCH", "the post-apply checksum is not the one of the pages");
    }
  }
}
