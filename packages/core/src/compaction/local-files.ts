import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { formatLTXFilename } from "@ls/ltx";
import type { LTXFileInfo, LTXFileRef } from "../replica-client.js";
import type { FileRange } from "../restore/range-reader.js";
import { fileSystemError, systemErrorCode } from "../system-error.js";
import { type ReadLocal, SPARE_BYTES } from "./range-source.js";

/** Files in the layout that a meta directory and a replica in a directory have in common. They may vanish at any moment. */
export class LocalFiles {
  /** Where the levels lie, with the separator: joining paths costs as much as opening a file. */
  readonly #directory: string;

  /** @param root what `ltx` lies in. */
  constructor(root: string) {
    this.#directory = join(root, "ltx") + sep;
  }

  /** Whether there is a file of this name and size. */
  has(file: LTXFileInfo): boolean {
    return statSync(this.#path(file), { throwIfNoEntry: false })?.size === file.size;
  }

  /**
   * Reads as `ReadLocal` does; a file of another size counts as none. Nothing stays open between two ranges, so any number of files can be read at the
   * same time. Synchronous: for small files, of which there are thousands, the way to another thread and back costs far more than the reading.
   */
  read({ file, offset, size }: FileRange, buffer: Uint8Array): boolean {
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

  #path({ level, minTXID, maxTXID }: LTXFileRef): string {
    return this.#directory + level + sep + formatLTXFilename(minTXID, maxTXID);
  }
}

/** Reads a destination's files where they lie. What cannot be read counts as not there: the client tells why, and tries again where that helps. */
export function readDestinationIn(directory: string): ReadLocal {
  const files = new LocalFiles(directory);
  return (range, buffer) => {
    try {
      return files.read(range, buffer);
    } catch {
      return false;
    }
  };
}
