import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A temporary directory that disappears at the end of its scope (`using dir = tempDir()`), unless `LS_KEEP_TMP` is set. */
export interface TempDir extends Disposable {
  readonly path: string;
  /** A path inside the directory. */
  file(...parts: string[]): string;
  /** Removes files or directories inside it; what is absent is no error. */
  remove(...names: string[]): void;
}

/** Short names: unix socket paths must stay below 107 bytes. */
export function tempDir(label = "t", parent: string = tmpdir()): TempDir {
  const path = mkdtempSync(join(parent, `ls-${label}-`));
  return {
    path,
    file: (...parts) => join(path, ...parts),
    remove(...names) {
      for (const name of names) rmSync(join(path, name), { recursive: true, force: true });
    },
    [Symbol.dispose]() {
      if (process.env.LS_KEEP_TMP === undefined) rmSync(path, { recursive: true, force: true });
    },
  };
}
