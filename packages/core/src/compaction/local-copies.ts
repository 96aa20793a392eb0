import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import { L0_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import type { FileRange } from "../restore/fetch.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";
import { type ReadLocal, SPARE_BYTES } from "./range-source.js";

/**
 * Level-0 files that still lie beside the database. They may vanish at any moment, and are only taken for a file that the destination is known to hold
 * while they have its size: a merge verifies the rest. That they are of the destination's history is what attaching made sure of before anybody was told of a file.
 */
export class LocalCopies {
  /** Where the copies lie, with the separator: joining paths costs as much as opening a file. */
  readonly #directory: string;

  /** @param metaPath the database's meta directory. */
  constructor(metaPath: string) {
    this.#directory = join(metaPath, "ltx", String(L0_LEVEL)) + sep;
  }

  has(file: LTXFileInfo): boolean {
    return file.level === L0_LEVEL && statSync(this.#path(file), { throwIfNoEntry: false })?.size === file.size;
  }

  /**
   * Nothing stays open between two ranges, so any number of files can be read at the same time. Synchronous, as all that reads beside the database:
   * for small files, of which there are thousands, the way to another thread and back costs far more than the reading.
   */
  read({ file, offset, size }: FileRange, buffer: Uint8Array): boolean {
    if (file.level !== L0_LEVEL) return false;
    const path = this.#path(file);
    let fd: number | undefined;
    try {
      fd = openSync(path, "r");
      // What is read whole shows its size by that, a longer file by a byte more, and needs no look of its own.
      const isWhole = size === file.size;
      if (!isWhole && fstatSync(fd).size !== file.size) return false;
      const wanted = isWhole ? size + SPARE_BYTES : size;
      let received = 0;
      for (let bytesRead = -1; bytesRead !== 0 && received < size; received += bytesRead) {
        bytesRead = readSync(fd, buffer, received, wanted - received, offset + received);
      }
      return received === size;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw fileSystemError(error, "read", path);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #path({ minTXID, maxTXID }: LTXFileRef): string {
    return this.#directory + formatLTXFilename(minTXID, maxTXID);
  }
}

/** Reads the local copies of the database with this meta directory. */
export function readLocalOf(metaPath: string): ReadLocal {
  const copies = new LocalCopies(metaPath);
  return (range, buffer) => copies.read(range, buffer);
}
