/**
 * The LTX v3 file format: bytes in, bytes out. No I/O, no dependency, no Node types.
 * @module
 */
export { CRC64, crc64Combine } from "./crc64.js";
export { DatabaseChecksum, pageChecksum } from "./database-checksum.js";
export { LTXDecoder, type LTXFileSummary, type LTXPageBatch } from "./decoder.js";
export { LTXEncoder } from "./encoder.js";
export { isLTXError, LTXError, type LTXErrorCode } from "./error.js";
export { isValidPageSize, LTX_HEADER_SIZE, LTX_NO_CHECKSUM, LTX_TRAILER_SIZE, lockPage } from "./format.js";
export { decodeLTXHeader, encodeLTXHeader, type LTXHeader, type LTXHeaderInit } from "./header.js";
export { codecKind, forceJSCodec, setKernelModule } from "./kernel.js";
export { type LTXMergeOptions, mergeLTX } from "./merge.js";
export type { LTXMergeSource } from "./merge-input.js";
export { hashPages, PageHasher } from "./page-hasher.js";
export { decodePageFrame, LTXPageIndex, type LTXPageIndexEntry, type ReadRange, readPageIndex } from "./random-access.js";
export { decodeLTX, encodeLTX, type LTXPage, verifyLTX } from "./stream.js";
export type { LTXTrailer } from "./tail.js";
export { formatLTXFilename, formatTXID, parseLTXFilename, parseTXID, type TXID } from "./txid.js";
