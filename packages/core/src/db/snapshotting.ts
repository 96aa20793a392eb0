import { unlessAborted } from "../backend-kit/unless-aborted.js";
import { Ending } from "../concurrency/ending.js";
import { Limit } from "../concurrency/limit.js";
import { isLSError, LSError } from "../errors.js";
import type { Uploader } from "../replica/uploader.js";
import type { AttachLoop } from "./attach-loop.js";
import type { ResolvedDBOptions } from "./options.js";
import type { SessionEngine } from "./session-engine.js";
import { type SnapshotResult, storeSnapshot } from "./snapshot.js";
import type { Syncing } from "./syncing.js";

export interface SnapshottingParts {
  readonly options: ResolvedDBOptions;
  readonly engine: SessionEngine;
  readonly uploader: Uploader;
  readonly attachLoop: AttachLoop;
  readonly syncing: Syncing;
}

/** The snapshots of a session: one at a time, and each again where capture ends under it, until closing begins. */
export class Snapshotting {
  readonly #parts: SnapshottingParts;
  readonly #limit: Limit = new Limit(1);
  readonly #ended: Ending = new Ending();

  constructor(parts: SnapshottingParts) {
    this.#parts = parts;
  }

  /** Stores the whole database at level 9; holds everything that is committed now. */
  async snapshot(signal: AbortSignal | undefined): Promise<SnapshotResult> {
    const limited = AbortSignal.any(signal === undefined ? [this.#ended.signal] : [this.#ended.signal, signal]);
    return unlessAborted(
      this.#limit.run(() => this.#snapshot(limited)),
      limited,
    );
  }

  /** Breaks off what there is, because the last uploads need the bandwidth, and lets no other begin. */
  end(): void {
    const { path } = this.#parts.options.settings;
    this.#ended.abort(new LSError("LS_NOT_OPEN", `${path} is being closed`, { details: { path } }));
  }

  async #snapshot(signal: AbortSignal): Promise<SnapshotResult> {
    const { options, engine, uploader, attachLoop, syncing } = this.#parts;
    for (;;) {
      // What waits for the destination is uploaded before the state is held, because the WAL cannot restart under it.
      await syncing.syncAndWait(signal);
      try {
        const result = await storeSnapshot({
          host: engine.host,
          client: options.client,
          uploadedUpTo: async (txid) => {
            if (!(await uploader.waitFor(txid, signal))) throw captureEnded(options.settings.path);
          },
          signal,
        });
        options.observer?.stored(result.file);
        return result;
      } catch (error) {
        if (!isLSError(error, "LS_NOT_READY") || attachLoop.state.kind === "attached") throw error;
        // Capture ended meanwhile: once more when it runs again.
      }
    }
  }
}

function captureEnded(path: string): LSError {
  return new LSError("LS_NOT_READY", `the position of ${path} was determined anew while a snapshot was being made`, { retryable: true, details: { path } });
}
