import type { KeepingStatus, ReplicaClient, StoreEvent, StoreOptions } from "@ls/core";
import { bytesText } from "./terminal.js";

/** Levels that hold files: as they are cut, merged, and snapshots. */
const LEVELS = [0, 1, 2, 9] as const;

/** What takes hours in earnest, within seconds: the whole life of a file can be watched. */
export const SHORT_INTERVALS: StoreOptions = {
  levels: [
    { level: 1, intervalMs: 500 },
    { level: 2, intervalMs: 2000 },
  ],
  snapshotIntervalMs: 2000,
  snapshotRetentionMs: 4000,
  l0RetentionMs: 1000,
};

/** What a destination holds in one level. */
export interface LevelContents {
  readonly level: number;
  readonly files: number;
  readonly bytes: number;
  /** Time of its oldest file. */
  readonly oldest: Date | undefined;
}

/** Adds up what was done to keep a replica small. */
export class KeepingTally {
  merges = 0;
  merged = 0;
  snapshots = 0;
  deleted = 0;
  deletedBytes = 0;

  onEvent(event: StoreEvent): void {
    switch (event.type) {
      case "compacted":
        this.merges++;
        this.merged += event.inputs;
        break;
      case "snapshot":
        this.snapshots++;
        break;
      case "retention":
        this.deleted += event.files;
        this.deletedBytes += event.bytes;
        break;
    }
  }

  rows(levels: readonly LevelContents[]): (readonly [string, string])[] {
    return [
      ...levels.map(({ level, files, bytes }) => [levelName(level), `${files} files, ${bytesText(bytes)}`] as const),
      ["merges", `${this.merges}, of ${this.merged} files`],
      ["snapshots taken", String(this.snapshots)],
      ["deleted by retention", `${this.deleted} files, ${bytesText(this.deletedBytes)}`],
    ];
  }
}

/** Files in each level, for the live line. */
export function levelsText(keeping: KeepingStatus | undefined): string {
  const levels = keeping?.levels ?? [];
  return `files by level ${levels.map(({ level, files }) => `${level}:${files}`).join(" ") || "-"}`;
}

/** Lists what is at the destination now. */
export async function listLevels(client: ReplicaClient): Promise<LevelContents[]> {
  const contents: LevelContents[] = [];
  for (const level of LEVELS) {
    let files = 0;
    let bytes = 0;
    let oldest: Date | undefined;
    for await (const file of client.ltxFiles(level)) {
      files++;
      bytes += file.size;
      oldest ??= file.createdAt;
    }
    contents.push({ level, files, bytes, oldest });
  }
  return contents;
}

function levelName(level: number): string {
  if (level === 0) return "level 0 (as cut)";
  return level === 9 ? "level 9 (snapshots)" : `level ${level} (merged)`;
}
