import type { TXID } from "@ls/ltx";
import type { Uploader } from "../replica/uploader.js";
import { type DBPhase, reportOf } from "./events.js";
import type { EngineEvent, NotReadyReason } from "./protocol.js";
import { type Attachment, type DBStatus, phaseOf } from "./status.js";

export interface HealthParts {
  readonly destination: string | undefined;
  readonly uploader: Pick<Uploader, "status" | "pending">;
  readonly attachment: () => Attachment;
  /** Another phase has begun. */
  readonly changed: (phase: DBPhase, reason: NotReadyReason | undefined) => void;
}

/** What is known about one run of a database's replication: notes what happens, and answers without asking anybody. */
export class Health {
  readonly #parts: HealthParts;
  #lifecycle: "opening" | "open" | "closing" | "closed" = "opening";
  #localTXID: TXID = 0n;
  #dirtySinceMs: number | undefined;
  #walBytes = 0;
  #pausedBy: "staged-full" | "disk-full" | undefined;
  #resting = false;
  #phase: DBPhase = "opening";
  #phaseSinceMs: number = Date.now();
  #lastError: { readonly error: unknown; readonly atMs: number } | undefined;

  constructor(parts: HealthParts) {
    this.#parts = parts;
  }

  /** Closing has begun, or is over. */
  get ending(): boolean {
    return this.#lifecycle === "closing" || this.#lifecycle === "closed";
  }

  get closed(): boolean {
    return this.#lifecycle === "closed";
  }

  /** Nothing of the database is held open. */
  get resting(): boolean {
    return this.#resting;
  }

  get localTXID(): TXID {
    return this.#localTXID;
  }

  get pausedBy(): DBStatus["pausedBy"] {
    return this.#pausedBy;
  }

  lifecycleIs(lifecycle: "open" | "closing" | "closed"): void {
    this.#lifecycle = lifecycle;
  }

  /** The newest TXID on the local disk, as the engine has said it. */
  localTXIDIs(txid: TXID): void {
    this.#localTXID = txid;
  }

  /** The engine looked, and everything committed is cut. */
  nothingUncut(): void {
    this.#dirtySinceMs = undefined;
  }

  /** Capture runs from this TXID on. */
  attachedAt(txid: TXID): void {
    this.#resting = false;
    this.#localTXID = txid;
  }

  failed(error: unknown): void {
    this.#lastError = { error, atMs: Date.now() };
  }

  recovered(): void {
    this.#lastError = undefined;
  }

  /** Notes what an event of the engine says. */
  note(event: EngineEvent): void {
    switch (event.type) {
      case "staged":
        this.#localTXID = event.file.txid;
        this.#dirtySinceMs = undefined;
        break;
      case "dirty":
        this.#dirtySinceMs ??= event.sinceMs;
        break;
      case "resting":
        this.#resting = true;
        break;
      case "awake":
        this.#resting = false;
        this.#dirtySinceMs = undefined;
        break;
      case "wal":
        this.#walBytes = event.bytes;
        break;
      case "paused":
        this.#pausedBy = event.reason;
        break;
      case "resumed":
        this.#pausedBy = undefined;
        break;
    }
  }

  /** Finds the phase anew, and tells of it when it is another one. */
  refreshPhase(): void {
    const attachment = this.#parts.attachment();
    const phase = phaseOf({
      lifecycle: this.#lifecycle,
      attachment,
      uploadFails: this.#parts.uploader.status.failure !== undefined,
      paused: this.#pausedBy !== undefined,
      resting: this.#resting,
    });
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#phaseSinceMs = Date.now();
    this.#parts.changed(phase, reasonOf(attachment));
  }

  status(): DBStatus {
    const { destination, uploader } = this.#parts;
    const { remoteTXID, pendingFiles, pendingBytes, failure } = uploader.status;
    const attachment = this.#parts.attachment();
    const nextRetryMs = failure?.nextRetryMs ?? (attachment.kind === "retrying" ? attachment.nextRetryMs : undefined);
    return {
      phase: this.#phase,
      since: new Date(this.#phaseSinceMs),
      reason: reasonOf(attachment),
      lastError: this.#lastError === undefined ? undefined : { ...reportOf(this.#lastError.error), at: new Date(this.#lastError.atMs) },
      nextRetryAt: nextRetryMs === undefined ? undefined : new Date(nextRetryMs),
      pausedBy: this.#pausedBy,
      lagMs: this.#lagMs(Date.now()),
      localTXID: this.#localTXID,
      remoteTXID,
      walBytes: this.#walBytes,
      stagedFiles: pendingFiles,
      stagedBytes: pendingBytes,
      destination,
    };
  }

  #lagMs(nowMs: number): number | undefined {
    const oldest = Math.min(this.#parts.uploader.pending.first?.oldestCommitMs ?? Infinity, this.#dirtySinceMs ?? Infinity);
    if (oldest !== Infinity) return Math.max(0, nowMs - oldest);
    return this.#parts.attachment().kind === "attached" ? 0 : undefined;
  }
}

function reasonOf(attachment: Attachment): NotReadyReason | undefined {
  return attachment.kind === "waiting" ? attachment.reason : undefined;
}
