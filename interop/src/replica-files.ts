import { createReadStream, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseLTXFilename, verifyLTX } from "@ls/ltx";
import { type ReplicaFile, replicaFiles } from "@ls/testkit";

const SNAPSHOT_LEVEL = 9;

/** What one level 0 file of a replica directory holds. */
export interface LevelZeroFile {
  readonly txid: bigint;
  readonly pages: number;
  /** Size of the database in pages after it. */
  readonly commit: number;
  readonly size: number;
}

/** Level 0 of a replica directory, verified to the last byte, oldest first. */
export async function levelZero(replicaPath: string): Promise<LevelZeroFile[]> {
  const directory = join(replicaPath, "ltx", "0");
  const files: LevelZeroFile[] = [];
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

/** Highest TXID of a replica directory over all levels. */
export function newestTXID(replicaPath: string): bigint {
  return ascending(replicaFiles(replicaPath)).at(-1)?.maxTXID ?? 0n;
}

/** A file by its place. */
type LevelRange = Pick<ReplicaFile, "level" | "minTXID" | "maxTXID">;

/**
 * Whether a level-0 file belongs to a level-1 file of which others are gone already. Those are past their time: upstream deletes each by its age, and we
 * may end in the middle of deleting them all.
 */
export function isBeingDeleted({ level, maxTXID }: LevelRange, files: readonly LevelRange[]): boolean {
  if (level !== 0) return false;
  const merged = files.find((file) => file.level === 1 && file.minTXID <= maxTXID && maxTXID < file.maxTXID);
  if (merged === undefined) return false;
  const present = files.filter((file) => file.level === 0 && file.minTXID >= merged.minTXID && file.maxTXID <= maxTXID);
  return BigInt(present.length) < maxTXID - merged.minTXID + 1n;
}

/** Whether retention still promises a TXID: a file ends there that is not just being deleted, and the oldest snapshot is not above it. */
export function isKeptPoint(replicaPath: string, txid: bigint): boolean {
  const files = replicaFiles(replicaPath);
  const oldest = ascending(files.filter(({ level }) => level === SNAPSHOT_LEVEL))[0]?.maxTXID ?? 0n;
  return txid >= oldest && files.some((file) => file.maxTXID === txid && !isBeingDeleted(file, files));
}

function ascending<F extends { readonly maxTXID: bigint }>(files: readonly F[]): F[] {
  return [...files].sort((a, b) => (a.maxTXID < b.maxTXID ? -1 : 1));
}
