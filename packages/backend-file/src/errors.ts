import { LSError, type LSErrorCode } from "@ls/core/backend-kit";

/** Errors that stay until someone changes a path or a mode; everything else may pass by itself. */
const PERMANENT: ReadonlySet<string> = new Set(["ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EINVAL", "ENOTEMPTY"]);

/** The LSError for a failed file system call. An error that is one already is returned as it is. */
export function storageError(error: unknown, operation: string, path: string): Error {
  const system = errorCode(error);
  if (system === undefined) return error instanceof Error ? error : new Error(String(error));
  const details = { path, operation, systemCode: system };
  const failed = (code: LSErrorCode, why: string, retryable: boolean): LSError =>
    new LSError(code, `cannot ${operation} ${path}: ${why}`, { cause: error, retryable, details });
  switch (system) {
    case "ENOSPC":
    case "EDQUOT":
      return failed("LS_DISK_FULL", system === "ENOSPC" ? "no space left" : "the quota is used up", true);
    case "EACCES":
    case "EPERM":
      return failed("LS_STORAGE_DENIED", "permission denied", false);
    case "EROFS":
      return failed("LS_STORAGE_DENIED", "the file system is read-only", false);
    default:
      return failed("LS_STORAGE_UNAVAILABLE", system, !PERMANENT.has(system));
  }
}

/** The system's name for the error, such as `"ENOENT"`; undefined when it did not come from a system call. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("syscall" in error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
