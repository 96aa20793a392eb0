import { ChecksumInput, updateChecksum, type WALChecksum } from "./checksum.js";
import {
  FRAME_CHECKSUM1,
  FRAME_CHECKSUM2,
  FRAME_CHECKSUMMED_HEADER,
  FRAME_COMMIT,
  FRAME_PGNO,
  FRAME_SALT1,
  FRAME_SALT2,
  frameCount,
  frameEnd,
  frameSize,
  WAL_FRAME_HEADER_SIZE,
} from "./frame.js";
import { decodeWALHeader, WAL_HEADER_SIZE, type WALHeader } from "./header.js";

/** Reads into `into` from byte `position`; returns how many bytes there were, fewer only at the end of the file. */
export type ReadAt = (into: Uint8Array, position: number) => number;

/** A place in one WAL generation: the end of a frame, or the end of the header. */
export interface WALPosition {
  readonly pageSize: number;
  readonly salt1: number;
  readonly salt2: number;
  readonly bigEndianChecksum: boolean;
  /** Frames before this place. */
  readonly frame: number;
  /** Running checksum at this place. */
  readonly checksum: Readonly<WALChecksum>;
}

/** A place as it was written down: in a page table with its checksum, in an LTX header without. */
export interface RecordedPosition {
  readonly salt1: number;
  readonly salt2: number;
  readonly frame: number;
  readonly checksum?: Readonly<WALChecksum> | undefined;
}

/** Takes frames in WAL order. */
export interface FrameSink {
  /**
   * @param frame 1-based number in the WAL
   * @param commit database size in pages when the frame commits, else 0
   * @param page a view that is valid during the call only
   */
  frame(frame: number, pgno: number, commit: number, page: Uint8Array): void;
  /** Asked after each commit frame: `true` ends the scan there. */
  full?(): boolean;
}

/** Why a scan ended where it did. */
export type ScanStop =
  /** The limit (a frame number, or a full sink) was reached. */
  | "limit"
  /** No whole frame is left. */
  | "end"
  /** A frame of an older generation: the normal end of a WAL that was restarted. */
  | "salt"
  /** Page number 0. */
  | "page-number"
  | "checksum";

export interface ScanResult {
  /** The end of the last commit frame that was seen, or where the scan started. */
  readonly position: WALPosition;
  /** Where the next scan goes on when this one stopped at its limit: the end of the last frame, be it in the middle of a transaction. */
  readonly reached: WALPosition;
  /** Database size in pages at `position`; 0 when the scan saw no commit. */
  readonly commit: number;
  /** Commits seen. */
  readonly commits: number;
  /** Valid frames seen, those after the last commit included. */
  readonly frames: number;
  readonly stop: ScanStop;
}

/** The place before the first frame of a generation. */
export function startOf(header: WALHeader): WALPosition {
  const { pageSize, salt1, salt2, bigEndianChecksum, checksum } = header;
  return { pageSize, salt1, salt2, bigEndianChecksum, frame: 0, checksum };
}

/** Byte offset of a place, as LTX headers and `-wal` reads count it; at least 32. */
export function walOffset(position: Pick<WALPosition, "frame" | "pageSize">): number {
  return frameEnd(position.frame, position.pageSize);
}

/** Reads the header of a WAL; `undefined` = SQLite would see an empty one. */
function readWALHeader(readAt: ReadAt): WALHeader | undefined {
  const bytes = new Uint8Array(WAL_HEADER_SIZE);
  return readAt(bytes, 0) < WAL_HEADER_SIZE ? undefined : decodeWALHeader(bytes);
}

/** Bytes read at once. Measured: below 64 KiB a read costs more than its copy; one frame always fits. */
const READ_BYTES = 256 * 1024;
/** One for all readers of a thread, however many databases there are: a scan is synchronous. */
let sharedBuffer: ChecksumInput | undefined;

/**
 * Walks frames of one generation, checking salts and checksum chain, and tells where the committed ones end. It keeps nothing between calls
 * and may be used for any number of WALs; a sink must not scan.
 */
export class WALReader {
  /**
   * Hands frames after `from` to `sink`, up to and including frame `endFrame`.
   *
   * With `endFrame` = SQLite's mxFrame every frame handed over is committed and `position.frame === endFrame` (or the sink was full, at a
   * commit); anything else means that the WAL changed behind SQLite's back, and the sink's content must be thrown away.
   */
  scan(readAt: ReadAt, from: WALPosition, endFrame: number, sink?: FrameSink): ScanResult {
    const { pageSize, salt1, salt2, bigEndianChecksum } = from;
    sharedBuffer ??= new ChecksumInput(new Uint8Array(READ_BYTES));
    const buffer = sharedBuffer;
    const { bytes, view } = buffer;
    const size = frameSize(pageSize);
    const framesPerRead = Math.max(1, Math.floor(READ_BYTES / size));
    const sum: WALChecksum = { s0: from.checksum.s0, s1: from.checksum.s1 };
    let frame = from.frame;
    let position = from;
    let commit = 0;
    let commits = 0;
    const here = (): WALPosition => ({ pageSize, salt1, salt2, bigEndianChecksum, frame, checksum: { s0: sum.s0, s1: sum.s1 } });
    const result = (stop: ScanStop): ScanResult => ({
      position,
      reached: position.frame === frame ? position : here(),
      commit,
      commits,
      frames: frame - from.frame,
      stop,
    });

    while (frame < endFrame) {
      const wanted = Math.min(framesPerRead, endFrame - frame) * size;
      const whole = Math.floor(readAt(bytes.subarray(0, wanted), frameEnd(frame, pageSize)) / size);
      if (whole === 0) return result("end");
      for (let i = 0, at = 0; i < whole; i++, at += size) {
        if (view.getUint32(at + FRAME_SALT1, false) !== salt1 || view.getUint32(at + FRAME_SALT2, false) !== salt2) return result("salt");
        const pgno = view.getUint32(at + FRAME_PGNO, false);
        if (pgno === 0) return result("page-number");
        updateChecksum(sum, buffer, at, FRAME_CHECKSUMMED_HEADER, bigEndianChecksum);
        updateChecksum(sum, buffer, at + WAL_FRAME_HEADER_SIZE, pageSize, bigEndianChecksum);
        if (sum.s0 !== view.getInt32(at + FRAME_CHECKSUM1, false) || sum.s1 !== view.getInt32(at + FRAME_CHECKSUM2, false)) return result("checksum");
        frame++;
        const committed = view.getUint32(at + FRAME_COMMIT, false);
        sink?.frame(frame, pgno, committed, bytes.subarray(at + WAL_FRAME_HEADER_SIZE, at + size));
        if (committed === 0) continue;
        commit = committed;
        commits++;
        position = here();
        if (sink?.full?.() === true) return result("limit");
      }
    }
    return result("limit");
  }

  /**
   * Finds the end of the last committed transaction exactly as SQLite's recovery does.
   * @param size size of the `-wal` file in bytes; frames beyond it are not looked at.
   * @returns `undefined` when SQLite would see an empty WAL.
   */
  recover(readAt: ReadAt, size: number): { header: WALHeader; scan: ScanResult } | undefined {
    const header = readWALHeader(readAt);
    if (header === undefined) return undefined;
    return { header, scan: this.scan(readAt, startOf(header), frameCount(size, header.pageSize)) };
  }

  /**
   * Proves that a WAL still holds what it held: its salts are the recorded ones, every frame up to the recorded one is there with an
   * unbroken checksum chain, and that frame commits. With a recorded checksum the frames are also the same ones; without it a WAL that lost
   * its tail (power loss) and grew again could pass.
   * @returns the place to go on from, `undefined` when there is no proof.
   */
  proves(readAt: ReadAt, recorded: RecordedPosition): WALPosition | undefined {
    const header = readWALHeader(readAt);
    if (header === undefined || header.salt1 !== recorded.salt1 || header.salt2 !== recorded.salt2) return undefined;
    const { position } = this.scan(readAt, startOf(header), recorded.frame);
    if (position.frame !== recorded.frame) return undefined;
    const { checksum } = recorded;
    if (checksum !== undefined && (checksum.s0 !== position.checksum.s0 || checksum.s1 !== position.checksum.s1)) return undefined;
    return position;
  }
}
