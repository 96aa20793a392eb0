import type { TXID } from "@ls/ltx";
import { unlessAborted } from "../backend-kit/unless-aborted.js";
import { isLSError } from "../errors.js";
import type { Uploader } from "../replica/uploader.js";
import type { AttachLoop } from "./attach-loop.js";
import type { Health } from "./health.js";
import type { SessionEngine } from "./session-engine.js";
import type { SyncStatus } from "./status.js";

/** Longest wait, when closing, for the engine to say whether something is uncut. */
const PROBE_MS = 1000;

export interface SyncingParts {
  readonly engine: SessionEngine;
  readonly uploader: Uploader;
  readonly attachLoop: AttachLoop;
  readonly health: Health;
}

/** Has what is committed cut and brought to the destination for somebody who waits for it, and tells how far that has come. */
export class Syncing {
  readonly #parts: SyncingParts;

  constructor(parts: SyncingParts) {
    this.#parts = parts;
  }

  /** Cuts what is committed now; rejects when that is not possible now. */
  async sync(signal: AbortSignal | undefined): Promise<TXID> {
    for (;;) {
      await this.#parts.attachLoop.whenAttached(signal, false);
      const txid = await this.#cut(signal);
      if (txid !== undefined) return txid;
    }
  }

  /** Resolves when everything that is committed now is durable at the destination. */
  async syncAndWait(signal: AbortSignal | undefined): Promise<TXID> {
    for (;;) {
      await this.#parts.attachLoop.whenAttached(signal, true);
      const txid = await this.#cutPatiently(signal);
      if (txid !== undefined && (await this.#parts.uploader.waitFor(txid, signal))) return txid;
    }
  }

  async status(signal: AbortSignal | undefined): Promise<SyncStatus> {
    const { engine, uploader, attachLoop, health } = this.#parts;
    if (attachLoop.state.kind === "failed") {
      return { localTXID: health.localTXID, remoteTXID: uploader.status.remoteTXID, inSync: false };
    }
    const { txid, dirty } = await engine.host.request("probe", undefined, { signal });
    // An answer that nothing is uncut is newer than what was seen before.
    if (!dirty) health.nothingUncut();
    const { remoteTXID } = uploader.status;
    return { localTXID: txid, remoteTXID, inSync: attachLoop.state.kind === "attached" && !dirty && txid <= remoteTXID };
  }

  /** Whether commits may exist that no staged file holds. */
  async mayBeUncut(): Promise<boolean> {
    const { engine, attachLoop } = this.#parts;
    const { kind } = attachLoop.state;
    if (kind !== "attached" && kind !== "waiting") return true;
    try {
      return (await unlessAborted(engine.host.request("probe", undefined), AbortSignal.timeout(PROBE_MS))).dirty;
    } catch {
      // The engine has failed, which the flush has reported already, or is in the middle of something long: nothing is known.
      return true;
    }
  }

  /** @returns undefined when capture ended before the cut was made: attach again, and cut then. */
  async #cut(signal: AbortSignal | undefined): Promise<TXID | undefined> {
    const { engine, attachLoop } = this.#parts;
    try {
      const { txid } = await engine.host.request("sync", undefined, { signal });
      return txid;
    } catch (error) {
      if (isLSError(error, "LS_NOT_READY") && attachLoop.state.kind !== "attached") return undefined;
      throw error;
    }
  }

  /** As {@link Syncing.#cut}; while as many staged files as allowed wait for the destination, it waits for one of them. */
  async #cutPatiently(signal: AbortSignal | undefined): Promise<TXID | undefined> {
    const { uploader, health } = this.#parts;
    for (;;) {
      try {
        return await this.#cut(signal);
      } catch (error) {
        const oldest = uploader.pending.first;
        if (health.pausedBy !== "staged-full" || oldest === undefined || !isLSError(error, "LS_STORAGE_UNAVAILABLE")) throw error;
        if (!(await uploader.waitFor(oldest.txid, signal))) return undefined;
      }
    }
  }
}
