import { frameSize } from "../../wal/frame.js";
import { type FrameSink, type ReadAt, type ScanResult, type WALPosition, WALReader } from "../../wal/reader.js";
import { Doubt } from "./doubt.js";
import type { Slicer } from "./slicer.js";

/** WAL read between two looks at the clock: about 2 ms. */
const STEP_BYTES = 8 * 1024 * 1024;

/**
 * Scans up to about 8 MiB of committed frames, at least one whole transaction. A step that ends inside a transaction gives
 * its first frames again next time.
 * @param end last committed frame (mxFrame).
 * @param scan scans from `from` to a frame number.
 * @throws Doubt when the frames are not all there, or do not end on a commit.
 */
export function scanStep(from: WALPosition, end: number, scan: (to: number) => ScanResult): ScanResult {
  for (let step = Math.ceil(STEP_BYTES / frameSize(from.pageSize)); ; step *= 2) {
    const to = Math.min(end, from.frame + step);
    const result = scan(to);
    if (result.stop !== "limit")
      throw new Doubt(`the WAL cannot be read up to its last commit (${result.stop} after frame ${from.frame + result.frames} of ${end})`);
    if (result.commits > 0) return result;
    if (to === end) throw new Doubt(`frame ${end} of the WAL should end a transaction`);
  }
}

/** Scans all frames from `from` to `end`, in slices. */
export async function scanWAL(
  readAt: ReadAt,
  from: WALPosition,
  end: number,
  sink: FrameSink,
  slicer: Slicer,
): Promise<{ position: WALPosition; commit: number }> {
  const reader = new WALReader();
  let position = from;
  let commit = 0;
  while (position.frame < end) {
    const result = scanStep(position, end, (to) => reader.scan(readAt, position, to, sink));
    ({ position, commit } = result);
    if (slicer.due) await slicer.pause();
  }
  return { position, commit };
}
