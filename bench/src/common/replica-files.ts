import { closeSync, openSync, readSync } from "node:fs";
import { decodeLTXHeader, LTX_HEADER_SIZE, type TXID } from "@ls/ltx";
import type { ReplicaFile } from "@ls/testkit";

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
