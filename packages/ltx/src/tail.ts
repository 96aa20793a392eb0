import { type CRCRegister, crcUpdate, crcValue, newRegister } from "./crc64.js";
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

/** What the tail of a file must fit. */
export interface FileTailParts {
  readonly header: LTXHeader;
  /** The file checksum up to and including the zero page header; advanced here. */
  readonly register: CRCRegister;
  /** Has seen all frames; nothing may be added any more. */
  readonly index: PageIndexDigest;
  /** The checksum of all pages, where the file holds them all and tracks checksums. */
  readonly databaseChecksum: bigint | undefined;
}

/**
 * Verifies what follows the page block: page index and trailer. Their length is known beforehand, since the frames
 * determine the index. The index is taken in pieces and compared by checksum.
 */
export class FileTail {
  readonly #parts: FileTailParts;
  readonly #indexSize: number;
  readonly #indexRegister: CRCRegister = newRegister();
  readonly #fixed = new Uint8Array(FIXED_SIZE);
  #taken = 0;

  constructor(parts: FileTailParts) {
    this.#parts = parts;
    this.#indexSize = parts.index.finish();
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    const indexSize = this.#indexSize;
    if (this.#taken < indexSize) {
      at = Math.min(chunk.length, indexSize - this.#taken);
      const view = new DataView(chunk.buffer, chunk.byteOffset, at);
      crcUpdate(this.#indexRegister, view, 0, at);
      crcUpdate(this.#parts.register, view, 0, at);
      this.#taken += at;
    }
    if (at === chunk.length) return;
    const rest = chunk.subarray(at);
    const filled = this.#taken - indexSize;
    if (filled + rest.length > FIXED_SIZE) throw tooLong();
    this.#fixed.set(rest, filled);
    this.#taken += rest.length;
  }

  finish(): LTXTrailer {
    if (this.#taken < this.#indexSize + FIXED_SIZE) throw tooShort();
    const indexFits = this.#parts.index.hasChecksum(this.#indexRegister);
    return checkFixed(this.#parts, new DataView(this.#fixed.buffer), 0, indexFits ? this.#indexSize : undefined);
  }
}

/** As {@link FileTail}, for a tail that lies in one piece, from `at` to the end of `view`: of thousands of small files, there is nothing to be kept then. */
export function checkTail(parts: FileTailParts, view: DataView, at: number): LTXTrailer {
  const indexSize = parts.index.finish();
  const size = view.byteLength - at;
  if (size > indexSize + FIXED_SIZE) throw tooLong();
  if (size < indexSize + FIXED_SIZE) throw tooShort();
  crcUpdate(parts.register, view, at, indexSize);
  return checkFixed(parts, view, at + indexSize, parts.index.equals(view, at) ? indexSize : undefined);
}

/**
 * Checks the size field of the index and the trailer, at `at` of `view`.
 * @param indexSize undefined when the index is not the one of the frames.
 */
function checkFixed({ header, register, databaseChecksum }: FileTailParts, view: DataView, at: number, indexSize: number | undefined): LTXTrailer {
  const storedSize = view.getUint32(at, false) * 2 ** 32 + view.getUint32(at + 4, false);
  if (storedSize !== indexSize) throw new LTXError("LTX_CORRUPTED", "the page index does not match the frames");
  crcUpdate(register, view, at, INDEX_SIZE_FIELD + 8);
  const trailer: LTXTrailer = {
    postApplyChecksum: view.getBigUint64(at + INDEX_SIZE_FIELD, false),
    fileChecksum: view.getBigUint64(at + INDEX_SIZE_FIELD + 8, false),
  };
  if (trailer.fileChecksum !== (crcValue(register) | CHECKSUM_FLAG)) {
    throw new LTXError("LTX_CHECKSUM_MISMATCH", "the file checksum is not the one of the contents");
  }
  checkPostApply(header, trailer.postApplyChecksum, databaseChecksum);
  return trailer;
}

function checkPostApply(header: LTXHeader, stored: bigint, databaseChecksum: bigint | undefined): void {
  if (!tracksChecksums(header)) {
    if (stored !== 0n) throw new LTXError("LTX_CORRUPTED", "post-apply checksum in a file without checksum tracking");
    return;
  }
  if ((stored & CHECKSUM_FLAG) === 0n) throw new LTXError("LTX_CORRUPTED", "post-apply checksum is missing or malformed");
  const expected = header.commit === 0 ? CHECKSUM_FLAG : databaseChecksum;
  if (expected !== undefined && stored !== expected) {
    throw new LTXError("LTX_CHECKSUM_MISMATCH", "the post-apply checksum is not the one of the pages");
  }
}

function tooLong(): LTXError {
  return new LTXError("LTX_CORRUPTED", "the file goes on after its trailer, or its page index does not match its frames");
}

function tooShort(): LTXError {
  return new LTXError("LTX_TRUNCATED", "the file ends in its page index or trailer");
}
