import type { TXID } from "@ls/ltx";
import { continuation } from "../db/attach-decision.js";
import type { StagedFile } from "../db/protocol.js";
import { StagedQueue } from "../db/staged-queue.js";
import { isLSError, LSError } from "../errors.js";
import type { ReplicaClient } from "../replica-client.js";
import { Alarm } from "./alarm.js";
import { publish } from "./publish.js";
import { retryDelayMs } from "./retry-delay.js";

/** An attempt that failed and will be repeated. */
export interface UploadFailure {
  readonly file: StagedFile;
  readonly error: unknown;
  /** Failures in a row, this one included. */
  readonly failures: number;
  /** When the next attempt starts, ms since the epoch. */
  readonly nextRetryMs: number;
}

export interface UploaderHooks {
  /** The destination holds this file durably. */
  uploaded(file: StagedFile): void;
  failed(failure: UploadFailure): void;
  /** The first success after failures. */
  recovered(failures: number): void;
  /** Another history is at the destination (`LS_CONFLICT`), or a staged file is gone (`LS_LTX_MISSING`): uploading has stopped. */
  stopped(error: LSError): void;
}

export interface UploaderOptions {
  readonly client: ReplicaClient;
  /** First wait after a failure, ms. */
  readonly retryBaseMs: number;
  readonly hooks: UploaderHooks;
  /** From 0 to below 1; tests replace it. */
  readonly random?: () => number;
}

export interface UploaderStatus {
  /** Highest TXID known to be durable at the destination; 0n = none. */
  readonly remoteTXID: TXID;
  readonly pendingFiles: number;
  readonly pendingBytes: number;
  /** The failure that is being waited out. */
  readonly failure: UploadFailure | undefined;
}

type Outcome = "durable" | "superseded" | Error;

interface Waiter {
  readonly txid: TXID;
  settle(outcome: Outcome): void;
}

/** Longest wait between attempts while the database is being closed. */
const CLOSING_RETRY_MS = 1000;

/**
 * Uploads staged files strictly in TXID order, one at a time, and repeats what fails until it succeeds: a destination never gets a hole.
 * Only collects files until {@link Uploader.start}.
 */
export class Uploader {
  readonly #options: UploaderOptions;
  #waiters: Set<Waiter> | undefined;
  readonly #alarm: Alarm = new Alarm();
  #pending = new StagedQueue();
  #remoteTXID: TXID = 0n;
  #failure: UploadFailure | undefined;
  #doubtfulTXID: TXID | undefined;
  #started = false;
  #closing = false;
  #allowed = false;
  /** The attempt in flight ends when it is aborted. */
  #attempt: AbortController | undefined;
  #run: Promise<void> | undefined;

  constructor(options: UploaderOptions) {
    this.#options = options;
  }

  get status(): UploaderStatus {
    return { remoteTXID: this.#remoteTXID, pendingFiles: this.#pending.length, pendingBytes: this.#pending.bytes, failure: this.#failure };
  }

  /** The first and the last of the files that the destination lacks, as far as is known. */
  get pending(): Pick<StagedQueue, "first" | "last"> {
    return this.#pending;
  }

  /** Whether the destination's position is known. */
  get started(): boolean {
    return this.#started;
  }

  /**
   * Goes on (or begins) at the destination's position, with those files that continue it; others belong to a history that it cannot take any
   * more. Call it while paused, or for the first time. Whoever waits is told to ask again.
   * @param staged what lay on the disk before, in TXID order; what was enqueued since then replaces it from its TXID on.
   */
  start(remoteTXID: TXID, staged: readonly StagedFile[]): void {
    const files = new StagedQueue(staged);
    for (const file of this.#pending.toArray()) append(files, file);
    this.#remoteTXID = remoteTXID;
    this.#pending = new StagedQueue(continuation(files.toArray(), remoteTXID));
    this.#failure = undefined;
    this.#started = true;
    this.#settle("superseded", () => true);
    this.resume();
  }

  /** Adds a file. Its TXID follows the last one, or is one that was given to another file before and has lost its meaning. */
  enqueue(file: StagedFile): void {
    append(this.#pending, file);
    this.#go();
  }

  /** Tries again at once when a failure is being waited out. */
  kick(): void {
    this.#alarm.ring();
  }

  /** From now on waits between attempts are short: shutdown has little time. */
  hurry(): void {
    this.#closing = true;
    this.#alarm.ring();
  }

  /**
   * Waits until the destination holds `txid`, and tries at once if a failure is being waited out. Failures that may pass by themselves are
   * waited out; any other rejects.
   * @returns false when the position was determined anew meanwhile, so that `txid` means nothing any more.
   */
  async waitFor(txid: TXID, signal?: AbortSignal): Promise<boolean> {
    signal?.throwIfAborted();
    if (txid <= this.#remoteTXID) return true;
    return new Promise<boolean>((resolve, reject) => {
      const waiter: Waiter = {
        txid,
        settle: (outcome) => {
          this.#leave(waiter);
          signal?.removeEventListener("abort", abort);
          if (outcome === "durable" || outcome === "superseded") resolve(outcome === "durable");
          else reject(outcome);
        },
      };
      const abort = (): void => {
        this.#leave(waiter);
        reject(signal?.reason);
      };
      this.#waiters ??= new Set();
      this.#waiters.add(waiter);
      signal?.addEventListener("abort", abort, { once: true });
      this.kick();
    });
  }

  /** Stops uploading until {@link Uploader.start} or {@link Uploader.resume}; an attempt in flight is cancelled, so its outcome is open. */
  async pause(): Promise<void> {
    this.#allowed = false;
    this.#attempt?.abort();
    this.#alarm.ring();
    await this.#run;
  }

  /** Goes on after {@link Uploader.pause} as before; without effect when it was never started. */
  resume(): void {
    if (!this.#started || this.#allowed) return;
    this.#allowed = true;
    this.#go();
  }

  /** {@link Uploader.pause} for good; everyone who waits gets `reason`. */
  async stop(reason: Error): Promise<void> {
    await this.pause();
    this.#started = false;
    this.#settle(reason, () => true);
  }

  #go(): void {
    if (!this.#allowed || this.#run !== undefined || this.#pending.length === 0) return;
    this.#attempt = new AbortController();
    this.#run = this.#upload(this.#attempt.signal).finally(() => {
      this.#run = undefined;
      this.#attempt = undefined;
      this.#go();
    });
  }

  async #upload(signal: AbortSignal): Promise<void> {
    for (let file = this.#pending.first; file !== undefined && !signal.aborted; file = this.#pending.first) {
      try {
        await publish(this.#options.client, file, { doubtful: this.#doubtfulTXID === file.txid, signal });
      } catch (error) {
        this.#doubtfulTXID = file.txid;
        if (signal.aborted) return;
        if (isLSError(error, "LS_CONFLICT") || isLSError(error, "LS_LTX_MISSING")) {
          this.#allowed = false;
          this.#started = false;
          // What is left on the disk is looked at afresh: a file that is gone must not be asked for again.
          if (error.code === "LS_LTX_MISSING") this.#pending = new StagedQueue();
          this.#options.hooks.stopped(error);
          this.#settle(error.code === "LS_CONFLICT" ? error : "superseded", () => true);
          return;
        }
        await this.#waitOut(file, error);
        continue;
      }
      this.#succeed(file);
    }
  }

  #succeed(file: StagedFile): void {
    this.#pending.shift();
    this.#remoteTXID = file.txid;
    const failures = this.#failure?.failures;
    this.#failure = undefined;
    this.#options.hooks.uploaded(file);
    if (failures !== undefined) this.#options.hooks.recovered(failures);
    this.#settle("durable", (waiter) => waiter.txid <= file.txid);
  }

  async #waitOut(file: StagedFile, error: unknown): Promise<void> {
    const retryable = isLSError(error) && error.retryable;
    const failures = (this.#failure?.failures ?? 0) + 1;
    const delayMs = retryDelayMs({
      failures,
      retryable,
      baseMs: this.#options.retryBaseMs,
      capMs: this.#closing ? CLOSING_RETRY_MS : undefined,
      random: (this.#options.random ?? Math.random)(),
    });
    this.#failure = { file, error, failures, nextRetryMs: Date.now() + delayMs };
    this.#options.hooks.failed(this.#failure);
    if (!retryable) this.#settle(asError(error), () => true);
    await this.#alarm.wait(delayMs);
  }

  #settle(outcome: Outcome, which: (waiter: Waiter) => boolean): void {
    for (const waiter of [...(this.#waiters ?? [])]) if (which(waiter)) waiter.settle(outcome);
  }

  #leave(waiter: Waiter): void {
    this.#waiters?.delete(waiter);
    if (this.#waiters?.size === 0) this.#waiters = undefined;
  }
}

function append(files: StagedQueue, file: StagedFile): void {
  while ((files.last?.txid ?? 0n) >= file.txid) files.pop();
  files.push(file);
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new LSError("LS_INTERNAL", "the replica client threw something that is not an Error", { cause: error });
}
