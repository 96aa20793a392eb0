import { L0_LEVEL } from "../levels.js";
import type { LTXFileInfo } from "../replica-client.js";
import type { FileRange } from "../restore/range-reader.js";
import { LocalFiles } from "./local-files.js";
import type { ReadLocal } from "./range-source.js";

/**
 * Level-0 files that still lie beside the database. They may vanish at any moment, and are only taken for a file that the destination is known to hold
 * while they have its size: a merge verifies the rest. That they are of the destination's history is what attaching made sure of before anybody was told of a file.
 */
export class LocalCopies {
  readonly #files: LocalFiles;

  /** @param metaPath the database's meta directory. */
  constructor(metaPath: string) {
    this.#files = new LocalFiles(metaPath);
  }

  has(file: LTXFileInfo): boolean {
    return file.level === L0_LEVEL && this.#files.has(file);
  }

  read(range: FileRange, buffer: Uint8Array): boolean {
    return range.file.level === L0_LEVEL && this.#files.read(range, buffer);
  }
}

/** Reads the local copies of the database with this meta directory. */
export function readLocalOf(metaPath: string): ReadLocal {
  const copies = new LocalCopies(metaPath);
  return (range, buffer) => copies.read(range, buffer);
}
