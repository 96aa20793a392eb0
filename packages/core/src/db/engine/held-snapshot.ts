import type { TXID } from "@ls/ltx";
import type { Slicer } from "../../concurrency/slicer.js";
import { LSError } from "../../errors.js";
import type { CommittedEnd } from "./committed-end.js";
import type { Connections } from "./connections.js";
import type { LocalState } from "./local-state.js";
import { SnapshotStream } from "./snapshot-stream.js";
import type { ViewSource } from "./view-source.js";

/** A snapshot that nobody reads for so long is given up, ms: the WAL cannot restart under it. */
const SNAPSHOT_IDLE_MS = 5 * 60_000;

export interface HeldSnapshotParts {
  readonly connections: Connections;
  readonly views: ViewSource;
  readonly local: LocalState;
  /** Cuts what is committed up to `end`, at most one capture full of it; whether more remains. */
  readonly cut: (end: CommittedEnd, slicer: Slicer) => Promise<boolean>;
}

/** The snapshot of an attached database that is being read. There is one at a time: the WAL cannot restart under it. */
export class HeldSnapshot {
  readonly #parts: HeldSnapshotParts;
  #stream: SnapshotStream | undefined;

  constructor(parts: HeldSnapshotParts) {
    this.#parts = parts;
  }

  /** It is being read. */
  get isOpen(): boolean {
    return this.#stream !== undefined;
  }

  /**
   * Takes hold of the newest state, cuts up to exactly that one, and makes a file of the whole of it as it is read.
   * @returns the TXID of the state.
   */
  async open(slicer: Slicer): Promise<TXID> {
    if (this.#stream !== undefined) throw new LSError("LS_INTERNAL", "a snapshot is being read already");
    const { connections, views, local, cut } = this.#parts;
    const mark = connections.openReader();
    try {
      const { view, end } = await views.newest(mark, slicer);
      while (await cut(end, slicer)) if (slicer.due) await slicer.pause();
      const { txid } = local;
      this.#stream = new SnapshotStream(view, mark, { txid, timestampMs: local.nextTimestampMs() });
      return txid;
    } catch (error) {
      mark.connection.close();
      throw error;
    }
  }

  /** The next bytes of the snapshot; `undefined` = it has ended. */
  async read(slicer: Slicer): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (this.#stream === undefined) throw new LSError("LS_NOT_READY", "the state of the snapshot is held no longer", { retryable: true });
    try {
      const chunk = await this.#stream.read(slicer);
      if (chunk === undefined) this.close();
      return chunk;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Gives it up. Idempotent. */
  close(): void {
    this.#stream?.close();
    this.#stream = undefined;
  }

  /** Gives up one that nobody reads any more. */
  closeIdle(now: number): void {
    if (this.#stream !== undefined && now - this.#stream.lastRead > SNAPSHOT_IDLE_MS) this.close();
  }
}
