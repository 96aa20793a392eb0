import { isLTXError, LTXError, type LTXErrorCode } from "@ls/ltx";
import { isLSError, LSError, type LSErrorCode } from "../errors.js";

/** An error as it crosses a thread boundary: structured cloning drops classes and extra fields. */
export interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  /** Present for an LSError. */
  readonly ls?: { readonly code: LSErrorCode; readonly retryable: boolean; readonly details: Readonly<Record<string, unknown>> } | undefined;
  /** Present for an LTXError. */
  readonly ltx?: LTXErrorCode | undefined;
  readonly cause?: PlainError | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error) };
  const ls = isLSError(error) ? { code: error.code, retryable: error.retryable, details: error.details } : undefined;
  const ltx = isLTXError(error) ? error.code : undefined;
  return { name: error.name, message: error.message, stack: error.stack, ls, ltx, cause: error.cause === undefined ? undefined : toPlainError(error.cause) };
}

export function fromPlainError(plain: PlainError): Error {
  const cause = plain.cause === undefined ? undefined : fromPlainError(plain.cause);
  const { ls, ltx } = plain;
  if (ls !== undefined) return new LSError(ls.code, plain.message, { retryable: ls.retryable, details: ls.details, cause });
  if (ltx !== undefined) return new LTXError(ltx, plain.message, cause === undefined ? undefined : { cause });
  const error = new Error(plain.message, cause === undefined ? undefined : { cause });
  error.name = plain.name;
  if (plain.stack !== undefined) error.stack = plain.stack;
  return error;
}
