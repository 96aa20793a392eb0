import { createReadStream, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseLTXFilename, verifyLTX } from "@ls/ltx";

/** What one level 0 file of a replica directory holds. */
export interface ReplicaFile {
  readonly txid: bigint;
  readonly pages: number;
  /** Size of the database in pages after it. */
  readonly commit: number;
  readonly size: number;
}

/** Level 0 of a replica directory, verified to the last byte, oldest first. */
export async function levelZero(replicaPath: string): Promise<ReplicaFile[]> {
  const directory = join(replicaPath, "ltx", "0");
  const files: ReplicaFile[] = [];
  for (const name of readdirSync(directory).sort()) {
    const range = parseLTXFilename(name);
    if (range === undefined) continue;
    const { header, pageCount, size } = await verifyLTX(createReadStream(join(directory, name)));
    files.push({ txid: range.maxTXID, pages: pageCount, commit: header.commit, size });
  }
  return files;
}

/** Highest TXID among the LTX files of a directory, by their names; 0n = there is none. */
export function highestTXID(directory: string): bigint {
  if (!existsSync(directory)) return 0n;
  return readdirSync(directory).reduce((highest, name) => {
    const { maxTXID } = parseLTXFilename(name) ?? { maxTXID: 0n };
    return maxTXID > highest ? maxTXID : highest;
  }, 0n);
}
