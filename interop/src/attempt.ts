import { existsSync } from "node:fs";
import { isLSError, type LSErrorCode, type ReplicaClient } from "@ls/core/backend-kit";
import { type RestoreFileResult, type RestoreOptions, restore } from "@ls/core/restore";
import { tempDir } from "@ls/testkit";
import { namesIn, sha256Of } from "./fixture.js";

const MEMORY_DIRECTORY = "/dev/shm";

export type RestoreRequest = Omit<RestoreOptions, "outputPath">;

/** A restored database, or the code of the error; and what the output directory held afterwards. */
export type Attempt =
  | { readonly sha256: string; readonly result: RestoreFileResult; readonly left: readonly string[] }
  | { readonly code: LSErrorCode; readonly message: string; readonly details: Readonly<Record<string, unknown>>; readonly left: readonly string[] };

/**
 * Restores into a directory of its own, which is gone afterwards: on disk, or (for the many small ones, where waiting for fsync would take most of the
 * time) in memory where the system has such a directory. Errors without a code are thrown: there may be none.
 */
export async function attemptRestore(client: ReplicaClient, request: RestoreRequest, where: "disk" | "memory" = "memory"): Promise<Attempt> {
  using dir = where === "memory" && existsSync(MEMORY_DIRECTORY) ? tempDir("restore", MEMORY_DIRECTORY) : tempDir("restore");
  const outputPath = dir.file("out.db");
  try {
    const result = await restore(client, { outputPath, ...request });
    return { sha256: await sha256Of(outputPath), result, left: namesIn(dir.path) };
  } catch (error) {
    if (!isLSError(error)) throw error;
    return { code: error.code, message: error.message, details: error.details, left: namesIn(dir.path) };
  }
}

/** Runs `check` on every item, a few at a time: restores wait for fsync more than for anything else. */
export async function forEachOverlapped<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const run = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await check(item);
  };
  await Promise.all(Array.from({ length: 6 }, run));
}
