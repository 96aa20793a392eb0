import { statSync } from "node:fs";

/**
 * What `stat` tells of a file that every write changes. Plain numbers, because thousands of files are looked at every few seconds and each `bigint` is
 * an object: times in ms are exact to a quarter of a µs, and an inode number beyond 2^53, rounded, does not stand alone.
 */
export interface FileStamp {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

const STAT = { throwIfNoEntry: false } as const;

/** The files of a database at one moment. Looked at by path: nothing is opened, so no lock of the application is in danger. */
export interface FilesStamp {
  /** `undefined` = absent. */
  readonly database: FileStamp | undefined;
  /** `undefined` = absent or empty, which is the same to SQLite. */
  readonly wal: FileStamp | undefined;
}

/** @param walPath `-wal` beside the file that `path` leads to. */
export function stampFiles(path: string, walPath: string): FilesStamp {
  const wal = stampFile(walPath);
  return { database: stampFile(path), wal: wal?.size === 0 ? undefined : wal };
}

function stampFile(path: string): FileStamp | undefined {
  const stat = statSync(path, STAT);
  if (stat === undefined) return undefined;
  const { dev, ino, size, mtimeMs, ctimeMs } = stat;
  return { dev, ino, size, mtimeMs, ctimeMs };
}

/**
 * Whether the file system keeps times finely enough for {@link sameFiles}: some keep whole seconds (FAT, HFS+, old ext4), and two writes in one of
 * them look the same. The time of the last change of status is the system's own; any other may have been set by hand.
 */
export function isFine({ database, wal }: FilesStamp): boolean {
  return database !== undefined && !Number.isInteger(database.ctimeMs) && (wal === undefined || !Number.isInteger(wal.ctimeMs));
}

/** Whether nothing was written between two looks that lie further apart than a file's time is fine (a clock tick, 10 ms at most). */
export function sameFiles(a: FilesStamp, b: FilesStamp): boolean {
  return sameStamp(a.database, b.database) && sameStamp(a.wal, b.wal);
}

/**
 * Whether the database is in the state that it was in at `then`, when all of the WAL was in the database file and nothing lay behind the WAL's
 * committed end: either nothing was written, or the WAL alone has gone, which the application's last connection takes with it.
 */
export function sameState(then: FilesStamp, now: FilesStamp): boolean {
  return sameStamp(then.database, now.database) && (now.wal === undefined || sameStamp(then.wal, now.wal));
}

function sameStamp(a: FileStamp | undefined, b: FileStamp | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.mtimeMs === b.mtimeMs && a.size === b.size && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.dev === b.dev;
}
