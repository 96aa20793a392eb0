/**
 * Why an LTX operation failed. Stable; messages are for people and may change.
 * - `LTX_CORRUPTED`: the bytes contradict the format (structure, order, page index, completeness).
 * - `LTX_TRUNCATED`: the bytes end before the file does.
 * - `LTX_CHECKSUM_MISMATCH`: the structure is fine, but a stored checksum is not the one of the contents.
 * - `LTX_UNSUPPORTED`: a version or flag that this package does not know.
 * - `LTX_INVALID`: the caller handed over something that must not be written or parsed.
 */
export type LTXErrorCode = "LTX_CORRUPTED" | "LTX_TRUNCATED" | "LTX_CHECKSUM_MISMATCH" | "LTX_UNSUPPORTED" | "LTX_INVALID";

const BRAND = Symbol.for("@ls/ltx.error");

/** The error class of `@ls/ltx`. Match it with {@link isLTXError}, never with `instanceof`: two copies of a module may coexist. */
export class LTXError extends Error {
  override readonly name: string = "LTXError";
  readonly code: LTXErrorCode;

  constructor(code: LTXErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether `value` is an {@link LTXError} (of any copy of this module), and, when given, has that code. */
export function isLTXError(value: unknown, code?: LTXErrorCode): value is LTXError {
  return value instanceof Error && BRAND in value && "code" in value && (code === undefined || value.code === code);
}
