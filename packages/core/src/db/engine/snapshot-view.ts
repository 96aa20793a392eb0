import type { Slicer } from "../../concurrency/slicer.js";
import type { BorrowedFile } from "../../sqlite/borrowed-files.js";
import type { ReadMark } from "../../sqlite/read-mark.js";
import { FRAME_CHECKSUM1, FRAME_CHECKSUM2, FRAME_COMMIT, FRAME_SALT1, FRAME_SALT2, frameEnd, WAL_FRAME_HEADER_SIZE } from "../../wal/frame.js";
import type { WALHeader } from "../../wal/header.js";
import { PageMap } from "../../wal/page-map.js";
import { type ReadAt, startOf, type WALPosition } from "../../wal/reader.js";
import type { CommittedEnd } from "./committed-end.js";
import { Doubt } from "./doubt.js";
import { scanWAL } from "./scan-wal.js";
import type { PageView } from "./state-cut.js";

interface ViewParts {
  readonly database: BorrowedFile;
  readonly readAt: ReadAt;
  readonly pageSize: number;
}

/**
 * One committed state of the database, read raw beside running writers and checkpoints.
 *
 * A read transaction S is begun first, *then* the committed end N is read. If everything up to N is in the database file, the file
 * is frozen as long as S lives. Else pages that occur in frames 1…N (from 1, not from the backfilled ones on) come from the WAL and all
 * others from the file: a checkpoint writes only pages of frames up to S's mark, all of which are read from the WAL, and the WAL
 * cannot restart under S. No checkpoint lock is needed. (Measured: 282 of 282 snapshots good under full load, plain file reads 35 of 95 bad.)
 */
export class SnapshotView implements PageView {
  readonly pageSize: number;
  /** Database size in pages. */
  readonly commit: number;
  /** Where capture goes on; `undefined` = the WAL is empty and has no header yet. */
  readonly position: WALPosition | undefined;
  readonly #parts: ViewParts;
  /** Which frame holds the newest version of a page; `undefined` = everything is in the database file. */
  readonly #index: PageMap | undefined;

  private constructor(parts: ViewParts, commit: number, position: WALPosition | undefined, index: PageMap | undefined) {
    this.pageSize = parts.pageSize;
    this.commit = commit;
    this.position = position;
    this.#parts = parts;
    this.#index = index;
  }

  /**
   * The newest state.
   * @param mark a read transaction that was begun before `end` was read, and that is held as long as the view is used.
   */
  static async take(parts: ViewParts, mark: ReadMark, end: CommittedEnd, slicer: Slicer): Promise<SnapshotView> {
    const { header, frames } = end;
    if (frames === 0) {
      const commit = Number(mark.connection.row("PRAGMA page_count")?.page_count);
      return new SnapshotView(parts, commit, header === undefined ? undefined : startOf(header), undefined);
    }
    if (header === undefined) throw new Doubt("the WAL lost its header");
    if (header.pageSize !== parts.pageSize) throw new Doubt("the WAL is of another page size");
    if (frames === end.backfilled) {
      const { position, commit } = readPosition(parts.readAt, header, frames);
      return new SnapshotView(parts, commit, position, undefined);
    }
    return SnapshotView.upTo(parts, startOf(header), frames, slicer);
  }

  /** The state after frame `frames` of the WAL generation that starts at `start`, as far as the WAL holds it. */
  static async upTo(parts: ViewParts, start: WALPosition, frames: number, slicer: Slicer): Promise<SnapshotView> {
    // Without room for pages the map keeps the numbers of the frames only.
    const index = new PageMap(parts.pageSize, 0);
    const sink = { frame: index.frame.bind(index) };
    const { position, commit } = await scanWAL(parts.readAt, start, frames, sink, slicer);
    return new SnapshotView(parts, commit, position, index);
  }

  /** The database file as it is, where that is known to hold every page that will be read. */
  static ofFile(parts: ViewParts): SnapshotView {
    return new SnapshotView(parts, 0, undefined, undefined);
  }

  /** Salts of the WAL generation that the view ends in; 0 without one. */
  get salts(): { readonly walSalt1: number; readonly walSalt2: number } {
    return { walSalt1: this.position?.salt1 ?? 0, walSalt2: this.position?.salt2 ?? 0 };
  }

  /** Reads `count` neighbouring pages to the start of `into`. Pages that the database file does not have are zeros. */
  readRun(firstPgno: number, count: number, into: Uint8Array): void {
    const { pageSize } = this;
    this.#readFile((firstPgno - 1) * pageSize, into.subarray(0, count * pageSize));
    if (this.#index === undefined) return;
    for (let i = 0; i < count; i++) {
      const pgno = firstPgno + i;
      if (this.#index.has(pgno)) this.#index.copyPage(pgno, into, i * pageSize, this.#parts.readAt);
    }
  }

  #readFile(position: number, into: Uint8Array): void {
    const length = this.#parts.database.batch((readAt) => readAt(into, position));
    into.fill(0, length);
  }
}

/** The place after a frame, from what is stored in it. */
function readPosition(readAt: ReadAt, header: WALHeader, frame: number): { position: WALPosition; commit: number } {
  const bytes = new Uint8Array(WAL_FRAME_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  const { pageSize, salt1, salt2, bigEndianChecksum } = header;
  const whole = readAt(bytes, frameEnd(frame - 1, pageSize)) === WAL_FRAME_HEADER_SIZE;
  const commit = view.getUint32(FRAME_COMMIT, false);
  if (!whole || view.getUint32(FRAME_SALT1, false) !== salt1 || view.getUint32(FRAME_SALT2, false) !== salt2 || commit === 0) {
    throw new Doubt(`frame ${frame} of the WAL should end a transaction`);
  }
  const checksum = { s0: view.getInt32(FRAME_CHECKSUM1, false), s1: view.getInt32(FRAME_CHECKSUM2, false) };
  return { position: { pageSize, salt1, salt2, bigEndianChecksum, frame, checksum }, commit };
}
