import type { Dirent } from "node:fs";
import { readdir, rmdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { ALL_LEVELS, fileSystemError, systemErrorCode, throwUndeleted } from "@ls/core/backend-kit";
import { levelDirectory, levelsDirectory } from "./layout.js";

/**
 * Removes every file in the levels of a replica, then the directories that are empty. A directory in a level is no file of the replica, but may be
 * the way to another one: it stays.
 */
export async function deleteLevels(root: string, signal: AbortSignal | undefined): Promise<void> {
  const failures: Error[] = [];
  let total = 0;
  for (const directory of ALL_LEVELS.map((level) => levelDirectory(root, level))) {
    for (const entry of await entriesOf(directory)) {
      signal?.throwIfAborted();
      if (entry.isDirectory()) continue;
      total++;
      const path = join(directory, entry.name);
      await unlink(path).catch((error: unknown) => {
        if (systemErrorCode(error) !== "ENOENT") failures.push(fileSystemError(error, "delete", path));
      });
    }
  }
  throwUndeleted(failures, total);
  for (const directory of [...ALL_LEVELS.map((level) => levelDirectory(root, level)), levelsDirectory(root), root]) {
    // One that is not empty, or not ours to remove, holds nothing of the replica any more.
    await rmdir(directory).catch(() => {});
  }
}

async function entriesOf(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw fileSystemError(error, "list", directory);
  }
}
