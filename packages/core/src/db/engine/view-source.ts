import type { Slicer } from "../../concurrency/slicer.js";
import type { BorrowedFile } from "../../sqlite/borrowed-files.js";
import type { ReadMark } from "../../sqlite/read-mark.js";
import { type ReadAt, startOf, type WALPosition } from "../../wal/reader.js";
import type { CommittedEnd } from "./committed-end.js";
import { Doubt } from "./doubt.js";
import { SnapshotView } from "./snapshot-view.js";

/** Attempts to read a state before a writer restarts the WAL under it: a matter of microseconds. */
const VIEW_ATTEMPTS = 3;

export interface ViewSourceParts {
  readonly database: BorrowedFile;
  readonly readAt: ReadAt;
  readonly pageSize: number;
  /** Where the committed frames end now. */
  readonly readEnd: () => CommittedEnd;
}

/** Committed states of an attached database, for whoever reads pages of it. */
export class ViewSource {
  readonly #parts: ViewSourceParts;

  constructor(parts: ViewSourceParts) {
    this.#parts = parts;
  }

  /** The state that ends at `end`: see {@link SnapshotView.take}. */
  at(end: CommittedEnd, mark: ReadMark, slicer: Slicer): Promise<SnapshotView> {
    return SnapshotView.take(this.#parts, mark, end, slicer);
  }

  /** The newest state, held by `mark`, and where the committed frames ended in it. */
  async newest(mark: ReadMark, slicer: Slicer): Promise<{ readonly view: SnapshotView; readonly end: CommittedEnd }> {
    for (let attempt = 1; ; attempt++) {
      mark.begin();
      const end = this.#parts.readEnd();
      try {
        return { view: await this.at(end, mark, slicer), end };
      } catch (error) {
        // Everything may be in the database file, and a writer then starts the WAL anew between two of our reads.
        if (!(error instanceof Doubt) || attempt === VIEW_ATTEMPTS) throw error;
      }
      mark.end();
    }
  }

  /**
   * The state at the last captured frame, under the read mark that protects it.
   * @param position of that frame.
   * @param end an end that was read since the mark moved last.
   */
  async captured(position: WALPosition | undefined, { header, frames }: CommittedEnd, slicer: Slicer): Promise<SnapshotView> {
    // A restart that is prepared: everything captured is in the database file, and its frames may be being overwritten.
    if (header === undefined || frames === 0 || position === undefined) return SnapshotView.ofFile(this.#parts);
    return SnapshotView.upTo(this.#parts, startOf(header), position.frame, slicer);
  }
}
