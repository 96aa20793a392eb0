import type { Slicer } from "../../concurrency/slicer.js";
import { frameSize } from "../../wal/frame.js";
import { type FrameSink, type ReadAt, type ScanResult, type WALPosition, WALReader } from "../../wal/reader.js";
import { Doubt } from "./doubt.js";

/** WAL read between two looks at the clock. Measured: 1 to 2 ms, copies into fresh memory included. */
const STEP_BYTES = 2 * 1024 * 1024;

/**
 * Scans up to about 2 MiB of committed frames; it may end inside a transaction.
 * @param end last committed frame (mxFrame).
 * @param scan scans from `from` to a frame number.
 * @throws Doubt when the frames are not all there, or do not end on a commit.
 */
export function scanStep(from: WALPosition, end: number, scan: (to: number) => ScanResult): ScanResult {
  const result = scan(Math.min(end, from.frame + Math.ceil(STEP_BYTES / frameSize(from.pageSize))));
  if (result.stop !== "limit") {
    throw new Doubt(`the WAL cannot be read up to its last commit (${result.stop} after frame ${from.frame + result.frames} of ${end})`);
  }
  if (result.reached.frame === end && (result.commits === 0 || result.position.frame !== end))
    throw new Doubt(`frame ${end} of the WAL should end a transaction`);
  return result;
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
  let reached = from;
  let commit = 0;
  while (reached.frame < end) {
    const result = scanStep(reached, end, (to) => reader.scan(readAt, reached, to, sink));
    if (result.commits > 0) ({ position, commit } = result);
    ({ reached } = result);
    if (slicer.due) await slicer.pause();
  }
  return { position, commit };
}
