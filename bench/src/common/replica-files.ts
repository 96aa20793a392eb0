import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { decodeLTXHeader, LTX_HEADER_SIZE, parseLTXFilename, type TXID } from "@ls/ltx";

/** A complete file of a replica directory: both replicators give a file its name when it is. */
export interface ReplicaFile {
  readonly path: string;
  readonly level: number;
  readonly maxTXID: TXID;
  readonly bytes: number;
  /** Tells a file from the one that had its name before. */
  readonly inode: number;
}

/** The files of a replica directory, every level; none where there is no replica yet. */
export function replicaFiles(replicaPath: string): ReplicaFile[] {
  const files: ReplicaFile[] = [];
  for (const level of entries(join(replicaPath, "ltx"))) {
    for (const name of entries(join(replicaPath, "ltx", level))) {
      const range = parseLTXFilename(name);
      const path = join(replicaPath, "ltx", level, name);
      const stat = range === undefined ? undefined : statSync(path, { throwIfNoEntry: false });
      if (range === undefined || stat === undefined) continue;
      files.push({ path, level: Number(level), maxTXID: range.maxTXID, bytes: stat.size, inode: stat.ino });
    }
  }
  return files;
}

/** The newest TXID of a level; 0 where it is empty. */
export function reachOf(files: readonly ReplicaFile[], level: number): TXID {
  return files.reduce((max, file) => (file.level === level && file.maxTXID > max ? file.maxTXID : max), 0n);
}

/** Bytes of the files that are in `after` and not in `before`. */
export function bytesAdded(before: readonly ReplicaFile[], after: readonly ReplicaFile[]): number {
  const known = new Set(before.map(({ path, inode }) => `${inode} ${path}`));
  return after.reduce((sum, { path, inode, bytes }) => sum + (known.has(`${inode} ${path}`) ? 0 : bytes), 0);
}

/** Size of the database as of a file's last transaction. */
export function databaseBytesAt(file: ReplicaFile): number {
  const bytes = Buffer.alloc(LTX_HEADER_SIZE);
  const fd = openSync(file.path, "r");
  try {
    readSync(fd, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(fd);
  }
  const header = decodeLTXHeader(bytes);
  return header.commit * header.pageSize;
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
