import type { Dirent } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { Limit } from "../../concurrency/limit.js";
import { isCompanion, isMetaDirectory } from "./names.js";

/** Directories that are listed at a time. */
const LISTING = 8;
/** What says that a directory is gone, not that it cannot be read. */
const ABSENT = ["ENOENT", "ENOTDIR"];

export interface TreeOptions {
  readonly root: string;
  readonly recursive: boolean;
  readonly matches: (relativePath: string) => boolean;
  /** Called with each directory before it is listed: what appears in it later is then told. */
  readonly entering: (directory: string) => void;
  readonly signal: AbortSignal;
}

export interface Tree {
  readonly files: Set<string>;
  readonly directories: Set<string>;
  /** Directories that could not be listed, and why. */
  readonly unlisted: Map<string, unknown>;
}

/**
 * Finds the files that may be databases. Nothing is opened: closing a database file drops the locks that SQLite has on it. Symbolic links are not
 * followed, so that there are no circles, and one file has one name.
 */
export async function readTree({ root, recursive, matches, entering, signal }: TreeOptions): Promise<Tree> {
  const tree: Tree = { files: new Set(), directories: new Set(), unlisted: new Map() };
  const limit = new Limit(LISTING);
  const enter = async (directory: string): Promise<void> => {
    const entries = await limit.run(() => list(directory));
    if (signal.aborted || entries === undefined) return;
    const inner: Promise<void>[] = [];
    for (const entry of entries) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (recursive && !isMetaDirectory(entry.name)) inner.push(enter(path));
      } else if (entry.isFile() && !isCompanion(entry.name) && matches(relative(root, path))) {
        tree.files.add(path);
      }
    }
    await Promise.all(inner);
  };
  const list = async (directory: string): Promise<Dirent[] | undefined> => {
    if (signal.aborted) return undefined;
    try {
      entering(directory);
      const entries = await readdir(directory, { withFileTypes: true });
      tree.directories.add(directory);
      return entries;
    } catch (error) {
      if (!isAbsent(error)) tree.unlisted.set(directory, error);
      return undefined;
    }
  };
  await enter(root);
  return tree;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && ABSENT.includes(String(error.code));
}
