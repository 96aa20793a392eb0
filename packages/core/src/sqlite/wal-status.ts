import { LSError } from "../errors.js";
import type { BorrowedFile } from "./borrowed-files.js";
import type { SQLiteConnection } from "./driver.js";
import type { VersionGate } from "./version-gate.js";
import { readWALIndexHeader, type WALIndexHeader } from "./wal-index.js";

/** How far the WAL has grown, and how much of it is in the database file. */
export interface WALStatus {
  /** SQLite's mxFrame: the last committed frame, 0 for an empty WAL. */
  readonly frames: number;
  /** Frames that a checkpoint has copied to the database file. */
  readonly backfilledFrames: number;
}

/** The one source of the position in the WAL: SQLite's own state, never the size or time of a file. */
export type WALStatusSource = () => WALStatus;

/**
 * @param idle a connection that is never in a transaction (its own transaction would make NOOP fail with SQLITE_LOCKED) and has read once.
 * @param borrowShm finds `-shm` among SQLite's descriptors; called only where NOOP does not exist.
 */
export function walStatusSource(gate: VersionGate, idle: SQLiteConnection, borrowShm: () => BorrowedFile): WALStatusSource {
  return gate.noop ? () => noopStatus(idle) : indexStatus(borrowShm(), idle);
}

/**
 * One look by `PRAGMA wal_checkpoint(NOOP)`; SQLite 3.51 or newer only.
 * @throws an error that `isBusy()` knows for the moment of a recovery; LSError `LS_NOT_READY` when the database is not in WAL mode.
 */
function noopStatus(idle: SQLiteConnection): WALStatus {
  const row = idle.row("PRAGMA wal_checkpoint(NOOP)");
  // Another connection rebuilds the wal-index, after a writer was killed.
  if (row?.busy === 1) throw Object.assign(new Error(`the wal-index of ${idle.path} is being recovered`), { code: "SQLITE_BUSY_RECOVERY" });
  const frames = Number(row?.log);
  const backfilledFrames = Number(row?.checkpointed);
  // -1 = not in WAL mode, as this connection sees it.
  if (!(frames >= 0) || !(backfilledFrames >= 0)) throw new LSError("LS_NOT_READY", `${idle.path} is not in WAL mode`, { details: { reason: "not-wal" } });
  // A restart stores the empty header first and clears nBackfill afterwards.
  return { frames, backfilledFrames: Math.min(frames, backfilledFrames) };
}

function indexStatus(shm: BorrowedFile, idle: SQLiteConnection): WALStatusSource {
  const look = (): WALIndexHeader | undefined => shm.batch((readAt) => readWALIndexHeader(readAt));
  return () => {
    let header = look();
    if (header === undefined) {
      // A writer killed while it wrote the header leaves it broken until the next reader runs SQLite's recovery.
      idle.row("PRAGMA user_version");
      header = look();
    }
    if (header === undefined) throw new LSError("LS_INTERNAL", `the wal-index header in ${shm.path} cannot be read`, { retryable: true });
    return { frames: header.maxFrame, backfilledFrames: header.backfilledFrames };
  };
}
