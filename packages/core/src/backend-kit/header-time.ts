import { decodeLTXHeader, LTX_HEADER_SIZE } from "@ls/ltx";
import { LSError } from "../errors.js";

/**
 * The time in the LTX header that a file starts with, ms since the epoch: what becomes its `createdAt`.
 * @param start at least the first 100 bytes, or all there are.
 * @param target what is being written, for the message.
 * @throws LSError `LS_LTX_CORRUPTED` for anything else than an LTX file.
 */
export function headerTimeMs(start: Uint8Array, target: string): number {
  try {
    return decodeLTXHeader(start.subarray(0, LTX_HEADER_SIZE)).timestampMs;
  } catch (cause) {
    throw new LSError("LS_LTX_CORRUPTED", `what was to be written to ${target} does not start with an LTX header`, { cause, details: { target } });
  }
}
