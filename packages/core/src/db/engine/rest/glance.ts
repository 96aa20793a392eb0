import { statSync } from "node:fs";
import type { Slicer } from "../../../concurrency/slicer.js";
import { BorrowedFile, type FileIdentity, walPathOf } from "../../../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../../../sqlite/driver.js";
import { ReadMark } from "../../../sqlite/read-mark.js";
import type { EngineEvent } from "../../protocol.js";
import type { LocalState } from "../local-state.js";
import { SnapshotView } from "../snapshot-view.js";
import { stageState } from "../stage-state.js";

export interface GlanceParts {
  readonly driver: SQLiteDriver;
  readonly path: string;
  readonly local: LocalState;
  /** When it was noticed that something had happened to the files, ms since the epoch. */
  readonly noticedMs: number;
  readonly emit: (event: EngineEvent) => void;
}

/** Where SQLite's header has the page size, and the versions of the format: 2 and 2 = WAL mode. */
const HEADER = { pageSize: 16, writeVersion: 18, readVersion: 19, size: 20 } as const;

/**
 * Compares a database without a WAL with its page table, through one connection, and stages what differs.
 *
 * As long as the read transaction lives, the file is frozen: the WAL was empty when it had begun, so whatever is committed now lies behind its
 * mark, and no checkpoint copies that.
 * @returns the file that was compared; `undefined` when there is more to it than that.
 */
export async function glance({ driver, path, local, noticedMs, emit }: GlanceParts, slicer: Slicer): Promise<FileIdentity | undefined> {
  const { table } = local;
  if (table === undefined) return undefined;
  const mark = new ReadMark(driver.open(path, { readonly: true, timeoutMs: 0 }));
  try {
    mark.begin();
    const database = BorrowedFile.find(path);
    // Order matters: frames that were there before the transaction began could be copied into the file while it is read.
    if (database === undefined || !isEmpty(walPathOf(path)) || !isWALDatabase(database, table.pageSize)) return undefined;
    const parts = { database, readAt: () => 0, pageSize: table.pageSize };
    const view = await SnapshotView.take(parts, mark, { header: undefined, frames: 0, backfilled: 0 }, slicer);
    await stageState({ local, view, how: "diff", oldestCommitMs: noticedMs, emit }, slicer);
    return database.identity;
  } finally {
    mark.connection.close();
  }
}

function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

function isWALDatabase(database: BorrowedFile, pageSize: number): boolean {
  const header = new Uint8Array(HEADER.size);
  const view = new DataView(header.buffer);
  if (database.batch((readAt) => readAt(header, 0)) < HEADER.size) return false;
  // 65,536 does not fit into the two bytes, and is 1.
  const stored = view.getUint16(HEADER.pageSize, false);
  return header[HEADER.writeVersion] === 2 && header[HEADER.readVersion] === 2 && (stored === 1 ? 65_536 : stored) === pageSize;
}
