import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import { L0_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import type { FileRange } from "../restore/fetch.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";
import type { ReadLocal } from "./range-source.js";

/** Where a byte goes that nobody wants. */
const BEYOND = new Uint8Array(1);

/**
 * Level-0 files that still lie beside the database. They may vanish at any moment, and are only taken for a file that the destination is known to hold
 * while they have its size: a merge verifies the rest. That they are of the destination's history is what attaching made sure of before anybody was told of a file.
 */
export class LocalCopies {
  readonly #metaPath: string;

  /** @param metaPath the database's meta directory. */
  constructor(metaPath: string) {
    this.#metaPath = metaPath;
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
      // What is read whole shows its size by that, and needs no look of its own.
      const isWhole = size === file.size;
      if (!isWhole && fstatSync(fd).size !== file.size) return false;
      let received = 0;
      while (received < size) {
        const bytesRead = readSync(fd, buffer, received, size - received, offset + received);
        if (bytesRead === 0) return false;
        received += bytesRead;
      }
      return !isWhole || readSync(fd, BEYOND, 0, 1, size) === 0;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw fileSystemError(error, "read", path);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #path({ minTXID, maxTXID }: LTXFileRef): string {
    return join(this.#metaPath, "ltx", String(L0_LEVEL), formatLTXFilename(minTXID, maxTXID));
  }
}

/** Reads the local copies of the database with this meta directory. */
export function readLocalOf(metaPath: string): ReadLocal {
  const copies = new LocalCopies(metaPath);
  return (range, buffer) => copies.read(range, buffer);
}
