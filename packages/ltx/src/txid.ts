import { LTXError } from "./error.js";

/** A transaction ID: an unsigned 64-bit integer, the first one is 1. In text always 16 lower-case hex digits. */
export type TXID = bigint;

const MAX_TXID = 0xffff_ffff_ffff_ffffn;
const TXID_PATTERN = /^[0-9a-fA-F]{16}$/;
const FILENAME_PATTERN = /^([0-9a-f]{16})-([0-9a-f]{16})\.ltx$/;

/**
 * The 16 lower-case hex digits of a transaction ID.
 * @throws RangeError unless 0 <= txid < 2^64.
 */
export function formatTXID(txid: TXID): string {
  if (txid < 0n || txid > MAX_TXID) throw new RangeError(`TXID ${txid} is outside 0 … 2^64-1`);
  return txid.toString(16).padStart(16, "0");
}

/**
 * Reads the 16 hex digits of a transaction ID, in either case.
 * @throws {@link LTXError} `LTX_INVALID` for anything else.
 */
export function parseTXID(text: string): TXID {
  if (!TXID_PATTERN.test(text)) throw new LTXError("LTX_INVALID", `"${text}" is not a TXID: 16 hex digits expected`);
  return BigInt(`0x${text}`);
}

/** The file name of a transaction range: `<min>-<max>.ltx`. */
export function formatLTXFilename(minTXID: TXID, maxTXID: TXID): string {
  const min = formatTXID(minTXID);
  return `${min}-${minTXID === maxTXID ? min : formatTXID(maxTXID)}.ltx`;
}

/** The transaction range of an LTX file name; undefined unless the name is exactly what {@link formatLTXFilename} writes for 1 <= min <= max. */
export function parseLTXFilename(name: string): { readonly minTXID: TXID; readonly maxTXID: TXID } | undefined {
  const match = FILENAME_PATTERN.exec(name);
  if (match === null) return undefined;
  const minTXID = BigInt(`0x${match[1]}`);
  const maxTXID = BigInt(`0x${match[2]}`);
  return minTXID >= 1n && minTXID <= maxTXID ? { minTXID, maxTXID } : undefined;
}
