import { describe, expect, it } from "vitest";
import { MemoryWAL } from "../../../test/memory-wal.js";
import { Slicer } from "../../concurrency/slicer.js";
import { frameSize } from "../../wal/frame.js";
import { type ReadAt, startOf } from "../../wal/reader.js";
import { Capture } from "./capture.js";
import { Doubt } from "./doubt.js";
import { scanWAL } from "./scan-wal.js";

const PAGE_SIZE = 4096;
const STEP_BYTES = 2 * 1024 * 1024;

/** Pauses wherever that is possible, and notes how much of the WAL was read in each slice. */
class EagerSlicer extends Slicer {
  readonly slices: number[] = [0];
  /** Called in each pause. */
  readonly #during: () => void;

  constructor(during: () => void = () => {}) {
    super();
    this.#during = during;
  }

  override get due(): boolean {
    return true;
  }

  override async pause(): Promise<void> {
    this.#during();
    this.slices.push(0);
  }

  counting(readAt: ReadAt): ReadAt {
    return (into, position) => {
      const length = readAt(into, position);
      this.slices[this.slices.length - 1] = (this.slices.at(-1) ?? 0) + length;
      return length;
    };
  }
}

/** One commit of page 1, then one of `pages` pages. */
function largeTransaction(pages: number): MemoryWAL {
  const wal = new MemoryWAL(pages + 1, 1, PAGE_SIZE);
  wal.add({ pgno: 1, commit: 1, fill: 1 });
  for (let i = 1; i <= pages; i++) wal.add({ pgno: i, commit: i === pages ? pages : 0, fill: i & 0xff });
  return wal;
}

describe("a transaction of many steps", () => {
  const pages = 4000;
  const wal = largeTransaction(pages);
  const end = { header: wal.header, frames: pages + 1, backfilled: 0 };
  const walBytes = (pages + 1) * frameSize(PAGE_SIZE);

  it("[A11] is captured in slices of one step, each frame read once, and cut only as a whole", async () => {
    const slicer = new EagerSlicer(() => {
      expect([capture.mustCut, capture.isBehind(end)]).toEqual([false, true]);
    });
    // Far smaller than the transaction: it is kept by reference, and must be cut behind its last frame.
    const capture = new Capture(slicer.counting(wal.readAt), PAGE_SIZE, undefined, 64 * PAGE_SIZE);
    await capture.grab({ ...end, frames: 1 }, slicer);
    await capture.grab(end, slicer);
    expect(Math.max(...slicer.slices)).toBeLessThan(STEP_BYTES * 1.1);
    expect(slicer.slices.reduce((sum, bytes) => sum + bytes, 0)).toBe(walBytes);
    expect([capture.mustCut, capture.isBehind(end), capture.position?.frame]).toEqual([true, false, pages + 1]);
    const taken = capture.take();
    expect(taken).toMatchObject({ commit: pages, range: { startFrame: 0, endFrame: pages + 1 } });
    expect(taken?.pgnos).toHaveLength(pages);
    const page = new Uint8Array(PAGE_SIZE);
    for (const pgno of [1, 63, 64, 65, pages]) {
      capture.copyPage(pgno, page, 0);
      expect(page[0]).toBe(pgno & 0xff);
    }
  });

  it("goes on where it was given up, also behind what was cut before", async () => {
    const capture = new Capture(wal.readAt, PAGE_SIZE, startOf(wal.header));
    await capture.grab({ ...end, frames: 1 }, new EagerSlicer());
    expect(capture.take()?.range).toMatchObject({ startFrame: 0, endFrame: 1 });
    capture.clear();
    const givenUp = new Error("given up");
    let pauses = 0;
    const impatient = new EagerSlicer(() => {
      if (++pauses === 3) throw givenUp;
    });
    await expect(capture.grab(end, impatient)).rejects.toBe(givenUp);
    expect([capture.empty, capture.position?.frame, capture.isBehind(end), capture.mustCut]).toEqual([true, 1, true, false]);
    capture.grabNow(end);
    expect(capture.take()).toMatchObject({ commit: pages, range: { startFrame: 1, endFrame: pages + 1 } });
    expect(capture.take()?.pgnos).toHaveLength(pages);
  });

  it("is in doubt when the WAL is another one before its end", async () => {
    const next = new MemoryWAL(1, 2, PAGE_SIZE);
    next.add({ pgno: 1, commit: 1, fill: 9 });
    for (const changed of [
      { header: next.header, frames: 1, backfilled: 0 },
      { ...end, frames: 0 },
      { ...end, frames: 2 },
    ]) {
      const capture = new Capture(wal.readAt, PAGE_SIZE, undefined);
      await expect(
        capture.grab(
          end,
          new EagerSlicer(() => {
            throw new Error("given up");
          }),
        ),
      ).rejects.toThrow("given up");
      expect(() => capture.grabNow(changed)).toThrow(Doubt);
    }
  });

  it("is scanned for a view or a proof in the same way", async () => {
    const slicer = new EagerSlicer();
    let frames = 0;
    const result = await scanWAL(slicer.counting(wal.readAt), startOf(wal.header), end.frames, { frame: () => frames++ }, slicer);
    expect(result).toMatchObject({ commit: pages, position: { frame: end.frames } });
    expect(frames).toBe(end.frames);
    expect(Math.max(...slicer.slices)).toBeLessThan(STEP_BYTES * 1.1);
    await expect(scanWAL(wal.readAt, startOf(wal.header), end.frames - 1, { frame: () => {} }, slicer)).rejects.toThrow("should end a transaction");
  });
});
