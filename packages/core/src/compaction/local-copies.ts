import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import { L0_LEVEL } from "../levels.js";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import type { FileRange } from "../restore/fetch.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";
import type { ReadLocal } from "./merge-source.js";

/** Where a byte goes that nobody wants. */
const BEYOND = new Uint8Array(1);

/**
 * Level-0 files that still lie beside the database. They may vanish at any moment, and are only taken for a file that the destination is known to hold
 * while they have its size: a merge verifies the rest. That they are of the destination's history is what attaching made sure of before anybody was told of a file.
 */
export class LocalCopies {
  readonly #directory: string;

  /** @param metaPath the database's meta directory. */
  constructor(metaPath: string) {
    this.#directory = join(metaPath, "ltx", String(L0_LEVEL));
  }

  has(file: LTXFileInfo): boolean {
    return file.level === L0_LEVEL && statSync(this.#path(file), { throwIfNoEntry: false })?.size === file.size;
  }

  /**
   * Nothing stays open between two ranges, so any number of files can be read at the same time. Synchronous, as all that reads beside the database:
   * for small files, of which there are thousands, the way to another thread and back costs far more than the reading.
   */
  readonly read: ReadLocal = (range: FileRange, buffer: Uint8Array): boolean => {
    if (range.file.level !== L0_LEVEL) return false;
    const path = this.#path(range.file);
    let fd: number | undefined;
    try {
      fd = openSync(path, "r");
      // What is read whole shows its size by that, and needs no look of its own.
      const isWhole = range.size === range.file.size;
      if (!isWhole && fstatSync(fd).size !== range.file.size) return false;
      let received = 0;
      while (received < range.size) {
        const bytesRead = readSync(fd, buffer, received, range.size - received, range.offset + received);
        if (bytesRead === 0) return false;
        received += bytesRead;
      }
      return !isWhole || readSync(fd, BEYOND, 0, 1, range.size) === 0;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return false;
      throw fileSystemError(error, "read", path);
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  };

  #path({ minTXID, maxTXID }: LTXFileRef): string {
    return join(this.#directory, formatLTXFilename(minTXID, maxTXID));
  }
}
