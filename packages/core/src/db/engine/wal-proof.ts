import { hashPages } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { PageIndex } from "../../wal/page-index.js";
import { type FrameSink, type ReadAt, type RecordedPosition, startOf, type WALPosition } from "../../wal/reader.js";
import type { PageTable } from "../meta/page-table.js";
import type { CommittedEnd } from "./committed-end.js";
import { Doubt } from "./doubt.js";
import { scanWAL } from "./scan-wal.js";

/** Newest hashes that are known for pages; two words each. */
export type KnownHash = (pgno: number) => readonly [low: number, high: number] | undefined;

export type WALProof = { readonly position: WALPosition } | { readonly refused: string };

/**
 * Whether the WAL proves that nothing was missed since `place` was recorded: it is the same generation, its chain is whole up to there,
 * and what it holds up to there is what the local position holds. Never by size, time or one equal frame: frames of another history can
 * lie at the same offsets under the same salts when an old copy of the files was put back.
 */
export async function proveByWAL(readAt: ReadAt, end: CommittedEnd, place: RecordedPosition, known: KnownHash, slicer: Slicer): Promise<WALProof> {
  const { header } = end;
  if (header === undefined) return { refused: "there is no WAL" };
  if (header.salt1 !== place.salt1 || header.salt2 !== place.salt2) return { refused: "the WAL was restarted" };
  // A restart is prepared: the header still is the old generation's, and how many of its frames were committed is forgotten.
  if (end.frames === 0) return { refused: "the WAL is about to be restarted" };
  if (end.frames < place.frame) return { refused: "the WAL is shorter than recorded" };
  const pages = new NewestHashes(header.pageSize);
  let position: WALPosition;
  try {
    ({ position } = await scanWAL(readAt, startOf(header), place.frame, pages, slicer));
  } catch (error) {
    if (error instanceof Doubt) return { refused: error.message };
    throw error;
  }
  const { checksum } = place;
  if (checksum !== undefined && (checksum.s0 !== position.checksum.s0 || checksum.s1 !== position.checksum.s1)) {
    return { refused: "the WAL holds other frames than recorded" };
  }
  const stranger = pages.findStranger(known);
  if (stranger !== undefined) return { refused: `page ${stranger} in the WAL is not the captured one` };
  return { position };
}

/** Hashes of the newest version of each page over the frames seen: some 40 bytes for each, however large the WAL is. */
class NewestHashes implements FrameSink {
  readonly #pageSize: number;
  readonly #places = new PageIndex();
  /** Two words for each page, in the order in which they were first seen. */
  #words = new Uint32Array(1024);
  readonly #out = new Uint32Array(2);
  #commit = 0;

  constructor(pageSize: number) {
    this.#pageSize = pageSize;
  }

  frame(_frame: number, pgno: number, commit: number, page: Uint8Array): void {
    hashPages(page, this.#pageSize, 1, this.#out);
    const place = this.#place(pgno);
    this.#words.set(this.#out, place * 2);
    if (commit !== 0) this.#commit = commit;
  }

  /** A page whose hash is known to be another one. */
  findStranger(known: KnownHash): number | undefined {
    for (const pgno of this.#places.pages()) {
      if (pgno > this.#commit) continue;
      const at = this.#places.get(pgno) * 2;
      const expected = known(pgno);
      if (expected !== undefined && (expected[0] !== this.#words[at] || expected[1] !== this.#words[at + 1])) return pgno;
    }
    return undefined;
  }

  #place(pgno: number): number {
    let place = this.#places.get(pgno);
    if (place >= 0) return place;
    place = this.#places.count;
    this.#places.set(pgno, place);
    if (place * 2 >= this.#words.length) {
      const words = this.#words;
      this.#words = new Uint32Array(words.length * 2);
      this.#words.set(words);
    }
    return place;
  }
}

/** The hashes that a page table knows. */
export function hashesOf(table: PageTable): KnownHash {
  return (pgno) => {
    if (pgno > table.commit) return undefined;
    const low = table.words[(pgno - 1) * 2] ?? 0;
    const high = table.words[(pgno - 1) * 2 + 1] ?? 0;
    return low === 0 && high === 0 ? undefined : [low, high];
  };
}
