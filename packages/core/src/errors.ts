/**
 * Every failure that a caller may want to tell apart has a stable code; messages are for people and may change.
 * Each code has a section in docs/errors.md: when it appears and what to do.
 */
export type LSErrorCode =
  // Options, URLs, registry
  | "LS_INVALID_OPTION"
  | "LS_INVALID_URL"
  | "LS_UNKNOWN_SCHEME"
  | "LS_SCHEME_TAKEN"
  // Storage
  | "LS_LTX_FILE_NOT_FOUND"
  | "LS_STORAGE_UNAVAILABLE"
  | "LS_STORAGE_DENIED"
  | "LS_DISK_FULL"
  | "LS_CONFLICT"
  | "LS_DESTINATION_AHEAD"
  // Restore
  | "LS_TX_NOT_AVAILABLE"
  | "LS_NO_SNAPSHOTS"
  | "LS_LTX_MISSING"
  | "LS_LTX_CORRUPTED"
  | "LS_OUTPUT_EXISTS"
  | "LS_INTEGRITY_CHECK_FAILED"
  // Database and engine
  | "LS_NOT_A_DATABASE"
  | "LS_NOT_READY"
  | "LS_NOT_OPEN"
  | "LS_LOCKED"
  | "LS_DRIVER_REQUIRED"
  | "LS_SECOND_SQLITE"
  | "LS_SQLITE_TOO_OLD"
  | "LS_NETWORK_FILE_SYSTEM"
  | "LS_NOT_DURABLE"
  | "LS_HEARTBEAT_FAILED"
  | "LS_INTERNAL";

/** What an `LSError` carries beside code, message and cause. */
export interface LSErrorOptions extends ErrorOptions {
  /** Whether the same call may succeed later without anyone changing anything. Default false. */
  readonly retryable?: boolean;
  /** Facts that belong to the code, such as `path`, `level`, `minTXID`. Never a secret. Default: none. */
  readonly details?: Readonly<Record<string, unknown>>;
}

const BRAND = Symbol.for("@ls/core.error");

/** The error class of `@ls/core` and its backends. Match it with {@link isLSError}, never with `instanceof`: two copies of a module may coexist. */
export class LSError extends Error {
  override readonly name: string = "LSError";
  readonly code: LSErrorCode;
  /** Whether the same call may succeed later without anyone changing anything. */
  readonly retryable: boolean;
  /** Facts that belong to the code, such as `path`, `level`, `minTXID`. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: LSErrorCode, message: string, options: LSErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Whether `value` is an {@link LSError} (of any copy of this module), and, when given, has that code. */
export function isLSError(value: unknown, code?: LSErrorCode): value is LSError {
  return value instanceof Error && BRAND in value && "code" in value && (code === undefined || value.code === code);
}
