import { LSError, type LSErrorCode } from "./errors.js";

/** Errors that stay until someone changes a path or a mode; everything else may pass by itself. */
const PERMANENT: ReadonlySet<string> = new Set(["ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EINVAL", "ENOTEMPTY", "EFBIG"]);

/**
 * The {@link LSError} for a failed file system call: `LS_DISK_FULL`, `LS_STORAGE_DENIED` or `LS_STORAGE_UNAVAILABLE`.
 * An error that did not come from a system call is returned as it is.
 * @param operation what was being done, as a verb: "write", "rename".
 */
export function fileSystemError(error: unknown, operation: string, path: string): Error {
  const systemCode = systemErrorCode(error);
  if (systemCode === undefined) return error instanceof Error ? error : new Error(String(error));
  const failed = (code: LSErrorCode, why: string, retryable: boolean): LSError =>
    new LSError(code, `cannot ${operation} ${path}: ${why}`, { cause: error, retryable, details: { path, operation, systemCode } });
  switch (systemCode) {
    case "ENOSPC":
      return failed("LS_DISK_FULL", "no space left on the device", true);
    case "EDQUOT":
      return failed("LS_DISK_FULL", "the quota is used up", true);
    case "EACCES":
    case "EPERM":
      return failed("LS_STORAGE_DENIED", "permission denied", false);
    case "EROFS":
      return failed("LS_STORAGE_DENIED", "the file system is read-only", false);
    default:
      return failed("LS_STORAGE_UNAVAILABLE", systemCode, !PERMANENT.has(systemCode));
  }
}

/** The system's name for an error, such as `"ENOENT"`; undefined when it did not come from a system call. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
