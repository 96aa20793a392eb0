import { fstatSync } from "node:fs";
import type { Slicer } from "../../../concurrency/slicer.js";
import { BorrowedFile, type FileIdentity } from "../../../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../../../sqlite/driver.js";
import type { EngineEvent } from "../../protocol.js";
import { Doubt } from "../doubt.js";
import type { LocalState } from "../local-state.js";
import { stageState } from "../stage-state.js";
import type { PageView } from "../state-cut.js";

export interface GlanceParts {
  readonly driver: SQLiteDriver;
  readonly path: string;
  readonly local: LocalState;
  /** When it was noticed that something had happened to the files, ms since the epoch. */
  readonly noticedMs: number;
  /** Whether nothing has happened to the files since the look before this one. */
  readonly isUntouched: () => boolean;
  readonly emit: (event: EngineEvent) => void;
}

/** Places in the header of an SQLite database. */
const HEADER = { pageSize: 16, writeVersion: 18, readVersion: 19, changes: 24, pageCount: 28, changesOfPageCount: 92, size: 100 } as const;
/** Version of the file format that stands for WAL mode. */
const WAL_VERSION = 2;

/**
 * Compares a database that has no WAL with its page table, and stages what differs.
 *
 * No lock is taken, and no transaction begun, which would make a WAL: where there is none no checkpoint is under way, so nobody writes to the database
 * file. That it was like that all the time is looked at once more before the file is staged for good. The connection only keeps a descriptor.
 * @returns the file that was compared; `undefined` when there is more to it than that.
 * @throws Doubt when somebody wrote meanwhile.
 */
export async function glance({ driver, path, local, noticedMs, isUntouched, emit }: GlanceParts, slicer: Slicer): Promise<FileIdentity | undefined> {
  const { table } = local;
  if (table === undefined) return undefined;
  const connection = driver.open(path, { readonly: true, timeoutMs: 0 });
  try {
    const database = BorrowedFile.find(path);
    if (database === undefined) return undefined;
    const commit = pageCount(database, table.pageSize);
    if (commit === undefined) return undefined;
    await stageState({ local, view: viewOf(database, table.pageSize, commit, isUntouched), how: "diff", oldestCommitMs: noticedMs, emit }, slicer);
    return database.identity;
  } finally {
    connection.close();
  }
}

/** Pages of a database in WAL mode with pages of this size that fill its file; `undefined` for any other. */
function pageCount(database: BorrowedFile, pageSize: number): number | undefined {
  const header = new Uint8Array(HEADER.size);
  const view = new DataView(header.buffer);
  const sizes = database.batch((readAt, fd) => ({ header: readAt(header, 0), file: fstatSync(fd).size }));
  if (sizes.header < HEADER.size) return undefined;
  if (header[HEADER.writeVersion] !== WAL_VERSION || header[HEADER.readVersion] !== WAL_VERSION) return undefined;
  // 65,536 does not fit into the two bytes, and is 1.
  const stored = view.getUint16(HEADER.pageSize, false);
  if ((stored === 1 ? 65_536 : stored) !== pageSize) return undefined;
  const count = view.getUint32(HEADER.pageCount, false);
  // The count is valid as of a change that has to be the last one, or SQLite goes by the file's size.
  const valid = view.getUint32(HEADER.changes, false) === view.getUint32(HEADER.changesOfPageCount, false);
  return valid && count > 0 && sizes.file === count * pageSize ? count : undefined;
}

function viewOf(database: BorrowedFile, pageSize: number, commit: number, isUntouched: () => boolean): PageView {
  return {
    pageSize,
    commit,
    salts: { walSalt1: 0, walSalt2: 0 },
    readRun: (first, count, into) => {
      const run = into.subarray(0, count * pageSize);
      run.fill(
        0,
        database.batch((readAt) => readAt(run, (first - 1) * pageSize)),
      );
    },
    check: () => {
      if (!isUntouched()) throw new Doubt("somebody wrote to the database while it was compared");
    },
  };
}
