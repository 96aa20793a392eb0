import { ChecksumInput, updateChecksum } from "../src/wal/checksum.js";
import { frameEnd, frameSize, WAL_FRAME_HEADER_SIZE } from "../src/wal/frame.js";
import { decodeWALHeader, WAL_HEADER_SIZE, type WALHeader } from "../src/wal/header.js";
import type { ReadAt } from "../src/wal/reader.js";

interface Frame {
  readonly pgno: number;
  readonly commit: number;
  readonly fill: number;
}

/** A WAL as SQLite would write it, growing in memory. */
export class MemoryWAL {
  readonly header: WALHeader;
  readonly #bytes: Uint8Array;
  readonly #sum = { s0: 0, s1: 0 };
  frames = 0;

  constructor(capacity: number, salt1: number, pageSize: number) {
    this.#bytes = new Uint8Array(frameEnd(capacity, pageSize));
    const view = new DataView(this.#bytes.buffer);
    view.setUint32(0, 0x377f0682, false);
    view.setUint32(4, 3007000, false);
    view.setUint32(8, pageSize, false);
    view.setUint32(16, salt1, false);
    view.setUint32(20, 99, false);
    updateChecksum(this.#sum, new ChecksumInput(this.#bytes), 0, 24, false);
    view.setInt32(24, this.#sum.s0, false);
    view.setInt32(28, this.#sum.s1, false);
    const header = decodeWALHeader(this.#bytes.subarray(0, WAL_HEADER_SIZE));
    if (header === undefined) throw new Error("bad header");
    this.header = header;
  }

  add({ pgno, commit, fill }: Frame): void {
    const at = frameEnd(this.frames++, this.header.pageSize);
    const input = new ChecksumInput(this.#bytes);
    this.#bytes.fill(fill, at + WAL_FRAME_HEADER_SIZE, at + frameSize(this.header.pageSize));
    input.view.setUint32(at, pgno, false);
    input.view.setUint32(at + 4, commit, false);
    input.view.setUint32(at + 8, this.header.salt1, false);
    input.view.setUint32(at + 12, this.header.salt2, false);
    updateChecksum(this.#sum, input, at, 8, false);
    updateChecksum(this.#sum, input, at + WAL_FRAME_HEADER_SIZE, this.header.pageSize, false);
    input.view.setInt32(at + 16, this.#sum.s0, false);
    input.view.setInt32(at + 20, this.#sum.s1, false);
  }

  readonly readAt: ReadAt = (into, position) => {
    const part = this.#bytes.subarray(position, Math.min(position + into.byteLength, frameEnd(this.frames, this.header.pageSize)));
    into.set(part);
    return part.byteLength;
  };
}
