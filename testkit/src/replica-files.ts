import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseLTXFilename, type TXID } from "@ls/ltx";

/** A complete file of a replica directory: both replicators give a file its name when it is. */
export interface ReplicaFile {
  readonly path: string;
  readonly level: number;
  readonly minTXID: TXID;
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
      files.push({ path, level: Number(level), ...range, bytes: stat.size, inode: stat.ino });
    }
  }
  return files;
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
