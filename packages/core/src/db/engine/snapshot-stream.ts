import { LTXEncoder, lockPage, type TXID } from "@ls/ltx";
import { concatBytes } from "../../concat-bytes.js";
import type { Slicer } from "../../concurrency/slicer.js";
import type { ReadMark } from "../../sqlite/read-mark.js";
import { WAL_HEADER_SIZE } from "../../wal/header.js";
import { everyPage } from "./page-run.js";
import type { SnapshotView } from "./snapshot-view.js";

/** File bytes that one call gives at least, unless the file ends: worth a message between threads. It gives one batch more at most. */
const CHUNK_BYTES = 512 * 1024;

/**
 * The file of TXIDs 1 to `txid`, made while it is read. The view holds a read mark of its own, so looks, cuts and checkpoints go on beside it; what it
 * costs while it is open is a WAL that does not restart. Memory: one chunk, and what the encoder takes.
 */
export class SnapshotStream {
  readonly #view: SnapshotView;
  readonly #mark: ReadMark;
  readonly #encoder: LTXEncoder;
  readonly #pgnos: Uint32Array;
  readonly #offsets: Uint32Array;
  #next = 1;
  #lastRead: number = performance.now();

  /** @param mark holds the view; closed with the stream. */
  constructor(view: SnapshotView, mark: ReadMark, { txid, timestampMs }: { readonly txid: TXID; readonly timestampMs: number }) {
    const { pageSize, commit } = view;
    this.#view = view;
    this.#mark = mark;
    // Made from no frames: the range is empty, and starts where the first frame would be.
    this.#encoder = new LTXEncoder({ pageSize, commit, minTXID: 1n, maxTXID: txid, timestampMs, walOffset: WAL_HEADER_SIZE, walSize: 0, ...view.salts });
    this.#pgnos = new Uint32Array(this.#encoder.batchPages);
    this.#offsets = new Uint32Array(this.#encoder.batchPages);
  }

  /** When bytes were asked for last, as `performance.now()`. */
  get lastRead(): number {
    return this.#lastRead;
  }

  /** The next bytes of the file, the caller's own; `undefined` = it has ended. After an error the file cannot be continued. */
  async read(slicer: Slicer): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const { commit } = this.#view;
    if (this.#next > commit) return undefined;
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    while (this.#next <= commit && size < CHUNK_BYTES) {
      const part = this.#encodeBatch().slice();
      parts.push(part);
      size += part.length;
      if (slicer.due) await slicer.pause();
    }
    if (this.#next > commit) parts.push(this.#encoder.finish());
    this.#lastRead = performance.now();
    return concatBytes(parts);
  }

  /** Lets the view go. Idempotent. */
  close(): void {
    this.#encoder.dispose();
    this.#mark.connection.close();
  }

  #encodeBatch(): Uint8Array {
    const { pageSize, commit } = this.#view;
    const first = this.#next;
    const count = Math.min(this.#encoder.batchPages, commit - first + 1);
    this.#view.readRun(first, count, this.#encoder.input);
    const chosen = everyPage(first, count, lockPage(pageSize), this.#pgnos);
    for (let i = 0; i < chosen; i++) this.#offsets[i] = ((this.#pgnos[i] ?? 0) - first) * pageSize;
    this.#next += count;
    return this.#encoder.encodeBatch(this.#pgnos, chosen, this.#offsets);
  }
}
