import type { Slicer } from "../../concurrency/slicer.js";
import { isNextGeneration } from "../../wal/header.js";
import { PageMap, type PageMapCut } from "../../wal/page-map.js";
import { type ReadAt, startOf, type WALPosition, WALReader } from "../../wal/reader.js";
import type { CommittedEnd } from "./committed-end.js";
import { Doubt } from "./doubt.js";
import { scanStep } from "./scan-wal.js";

/** Page bytes held between two cuts; one cut takes no more, except for a single transaction that is larger. */
const CAPTURE_BYTES = 64 * 1024 * 1024;

/**
 * Takes committed frames out of the WAL, each exactly once, and keeps the newest version of every page until the next cut.
 * Each step is proven: same salts and an intact checksum chain from the last frame taken, or the directly following
 * generation from its first frame. Anything else is a {@link Doubt}.
 */
export class Capture {
  readonly #reader = new WALReader();
  readonly #readAt: ReadAt;
  readonly #map: PageMap;
  #position: WALPosition | undefined;
  /** The last frame taken of a transaction whose end was not taken yet: a large one is taken in steps, and no cut is made in between. */
  #inside: WALPosition | undefined;

  /**
   * @param position the last frame that is held already; `undefined` = the WAL was empty, and its next generation is the first.
   * @param maxBytes see {@link CAPTURE_BYTES}; lower in tests.
   */
  constructor(readAt: ReadAt, pageSize: number, position: WALPosition | undefined, maxBytes: number = CAPTURE_BYTES) {
    this.#readAt = readAt;
    this.#map = new PageMap(pageSize, maxBytes);
    this.#position = position;
  }

  /** The last commit taken. */
  get position(): WALPosition | undefined {
    return this.#position;
  }

  /** Nothing waits for a cut. */
  get empty(): boolean {
    return this.#map.empty;
  }

  /** A cut has to come before anything else is taken, and before the read mark moves. */
  get mustCut(): boolean {
    return this.#inside === undefined && (this.#map.full() || this.#map.spilled);
  }

  /** Whether `end` lies beyond what was taken. */
  isBehind(end: CommittedEnd): boolean {
    if (end.frames === 0) return false;
    const position = this.#position;
    return (
      end.header === undefined ||
      position === undefined ||
      position.salt1 !== end.header.salt1 ||
      position.salt2 !== end.header.salt2 ||
      position.frame !== end.frames
    );
  }

  /** Takes frames up to `end`, or until {@link mustCut}. The frames stay readable meanwhile as long as the read mark does not move. */
  async grab(end: CommittedEnd, slicer: Slicer): Promise<void> {
    while (this.#step(end)) if (slicer.due) await slicer.pause();
  }

  /** {@link grab} without a pause: inside a barrier. */
  grabNow(end: CommittedEnd): void {
    while (this.#step(end));
  }

  /** What waits for a cut; it stays until {@link clear}. */
  take(): PageMapCut | undefined {
    return this.#map.take();
  }

  has(pgno: number): boolean {
    return this.#map.has(pgno);
  }

  missingAbove(floor: number): Uint32Array {
    return this.#map.missingAbove(floor);
  }

  copyPage(pgno: number, into: Uint8Array, at: number): void {
    this.#map.copyPage(pgno, into, at, this.#readAt);
  }

  /** The cut is durable. */
  clear(): void {
    this.#map.clear();
  }

  /** One step towards `end`; whether more remains. */
  #step(end: CommittedEnd): boolean {
    const { header, frames } = end;
    if (frames === 0 && this.#inside !== undefined) throw new Doubt("the WAL was emptied in the middle of a transaction");
    if (frames === 0 || this.mustCut) return false;
    if (header === undefined) throw new Doubt("the WAL lost its header");
    const position = this.#position;
    let from: WALPosition;
    if (position !== undefined && position.salt1 === header.salt1 && position.salt2 === header.salt2) {
      from = position;
    } else {
      if (position !== undefined && !isNextGeneration(position.salt1, header.salt1)) throw new Doubt("the WAL is not the generation after the captured one");
      if (header.pageSize !== this.#map.pageSize) throw new Doubt("the page size changed");
      from = startOf(header);
    }
    const at = this.#inside ?? from;
    if (at.salt1 !== header.salt1 || at.salt2 !== header.salt2) throw new Doubt("the WAL was restarted in the middle of a transaction");
    if (frames < at.frame) throw new Doubt("the WAL is shorter than what was captured from it");
    if (at.frame === frames) return false;
    const { position: taken, reached, commits } = scanStep(at, frames, (to) => this.#map.grab(this.#reader, this.#readAt, at, to, from));
    if (commits > 0) this.#position = taken;
    this.#inside = reached.frame === taken.frame && commits > 0 ? undefined : reached;
    return reached.frame < frames && !this.mustCut;
  }
}
