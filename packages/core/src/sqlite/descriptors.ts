import { closeSync, openSync, readFileSync } from "node:fs";
import { devNull } from "node:os";
import { LSError } from "../errors.js";
import { sqliteErrorCode } from "./driver.js";

/** What taking up a database needs at most: connections, `-wal`, `-shm`, the lock, and files that are being written. */
const NEEDED = 16;

/** What is taken for the limit where the system does not tell: the usual one of a shell. */
const ASSUMED_LIMIT = 1024;

/** How many descriptors the process may have. Node raises its limit to what it is allowed when it starts. */
export function descriptorLimit(): number {
  try {
    const soft = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    if (soft === "unlimited") return Number.POSITIVE_INFINITY;
    return Number(soft) || ASSUMED_LIMIT;
  } catch {
    return ASSUMED_LIMIT;
  }
}

/**
 * SQLite's word for a file that it cannot open is the same whatever the reason. Whoever failed has closed what it had by then, so the question is
 * not whether one more file can be opened but whether all that it needs can.
 * @returns an error that says so when the process has too few descriptors left; `undefined` when that cannot be the reason.
 */
export function descriptorShortage(error: unknown, path: string): LSError | undefined {
  if (sqliteErrorCode(error)?.startsWith("SQLITE_CANTOPEN") !== true || canOpenFiles(NEEDED)) return undefined;
  return new LSError("LS_STORAGE_UNAVAILABLE", `cannot open ${path}: the process has hardly any file descriptors left (EMFILE); allow it more (ulimit -n)`, {
    retryable: true,
    cause: error,
    details: { path, systemCode: "EMFILE" },
  });
}

function canOpenFiles(count: number): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(openSync(devNull, "r"));
    return true;
  } catch {
    return false;
  } finally {
    for (const fd of opened) closeSync(fd);
  }
}
