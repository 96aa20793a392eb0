import { isLSError, LSError } from "../errors.js";
import { Alarm } from "../replica/alarm.js";
import { retryDelayMs } from "../replica/retry-delay.js";
import type { AttachResult } from "./attach.js";
import type { NotReadyReason } from "./protocol.js";
import type { Attachment } from "./status.js";

/** Errors that may pass when someone changes something, in addition to those that say so themselves; every other ends replication. */
const REPEATABLE = [
  "LS_STORAGE_UNAVAILABLE",
  "LS_STORAGE_DENIED",
  "LS_DISK_FULL",
  "LS_NOT_READY",
  "LS_LTX_FILE_NOT_FOUND",
  "LS_LTX_MISSING",
  "LS_LTX_CORRUPTED",
  "LS_TX_NOT_AVAILABLE",
  "LS_NO_SNAPSHOTS",
] as const;

/** Longest wait between attempts while the database is being closed. */
const CLOSING_RETRY_MS = 1000;

export interface AttachLoopOptions {
  readonly path: string;
  /** First wait after a failure, ms. */
  readonly retryBaseMs: number;
  /** One attempt. */
  attempt(): Promise<AttachResult>;
  /** The state has changed. */
  changed(state: Attachment): void;
}

/** Repeats attaching until it succeeds, has to wait for the database, or fails for good. One attempt at a time. */
export class AttachLoop {
  readonly #options: AttachLoopOptions;
  readonly #alarm: Alarm = new Alarm();
  #waiters: Set<() => void> | undefined;
  #state: Attachment = { kind: "none" };
  #attempts = 0;
  #failures = 0;
  #run: Promise<void> | undefined;
  /** Asked for another attempt while one runs. */
  #again = false;
  #stopped = false;
  #closing = false;

  constructor(options: AttachLoopOptions) {
    this.#options = options;
  }

  get state(): Attachment {
    return this.#state;
  }

  /** Begins to attach, or does it once more. */
  start(): void {
    if (this.#stopped || this.#state.kind === "failed") return;
    if (this.#run !== undefined) {
      this.#again = true;
      this.#alarm.ring();
      return;
    }
    this.#run = this.#repeat().finally(() => {
      this.#run = undefined;
    });
  }

  /** The database cannot be read any more; `start` when it can. */
  wait(reason: NotReadyReason): void {
    // An attempt under way may have succeeded before this: it is repeated, and finds out.
    if (this.#run !== undefined) this.#again = true;
    else if (this.#state.kind !== "failed") this.#become({ kind: "waiting", reason });
  }

  fail(error: Error): void {
    if (this.#state.kind === "failed") return;
    this.#become({ kind: "failed", error });
    this.#alarm.ring();
  }

  /** From now on waits between attempts are short: shutdown has little time. */
  hurry(): void {
    this.#closing = true;
    this.#alarm.ring();
  }

  /** Ends for good; resolves when no attempt runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#alarm.ring();
    await this.#run;
    this.notify();
  }

  /**
   * Resolves when capture runs. A failure that is being waited out is tried again at once, and a database that is waited for is looked at.
   * @param patient wait failures out that may pass by themselves; otherwise the first one rejects, as any other failure does in both cases.
   * @throws LSError `LS_NOT_READY` when the database cannot be replicated yet.
   */
  async whenAttached(signal: AbortSignal | undefined, patient: boolean): Promise<void> {
    const seen = this.#attempts;
    for (;;) {
      signal?.throwIfAborted();
      if (this.#stopped) throw new LSError("LS_NOT_OPEN", `${this.#options.path} is closed`);
      const state = this.#state;
      if (state.kind === "attached") return;
      if (state.kind === "failed") throw state.error;
      if (state.kind === "waiting" || state.kind === "retrying") {
        if (this.#attempts === seen) this.start();
        else if (state.kind === "waiting") throw notReady(this.#options.path, state.reason);
        else if (!patient || !isRetryable(state.error)) throw state.error;
      }
      await this.nextChange(signal);
    }
  }

  /** Resolves at the next change of state, or when {@link AttachLoop.notify} is called. */
  nextChange(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#leave(settle);
        signal?.removeEventListener("abort", abort);
        resolve();
      };
      const abort = (): void => {
        this.#leave(settle);
        reject(signal?.reason);
      };
      this.#waiters ??= new Set();
      this.#waiters.add(settle);
      // An event that is over is told to nobody.
      if (signal?.aborted === true) abort();
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  async #repeat(): Promise<void> {
    do {
      this.#again = false;
      this.#attempts++;
      this.#become({ kind: "attaching" });
      await this.#attemptOnce();
    } while (!this.#isOver() && (this.#again || this.#state.kind === "retrying"));
  }

  async #attemptOnce(): Promise<void> {
    let result: AttachResult;
    try {
      result = await this.#options.attempt();
    } catch (error) {
      if (this.#isOver()) return;
      if (!isRetryable(error) && !REPEATABLE.some((code) => isLSError(error, code))) {
        this.fail(error instanceof Error ? error : new LSError("LS_INTERNAL", "something that is not an Error was thrown", { cause: error }));
        return;
      }
      await this.#waitOut(error);
      return;
    }
    if (this.#isOver()) return;
    this.#failures = 0;
    this.#become(result.kind === "attached" ? { kind: "attached" } : { kind: "waiting", reason: result.reason });
  }

  async #waitOut(error: unknown): Promise<void> {
    this.#failures++;
    const delayMs = retryDelayMs({
      failures: this.#failures,
      retryable: isRetryable(error),
      baseMs: this.#options.retryBaseMs,
      capMs: this.#closing ? CLOSING_RETRY_MS : undefined,
      random: Math.random(),
    });
    const waited = this.#alarm.wait(delayMs);
    this.#become({ kind: "retrying", error, failures: this.#failures, nextRetryMs: Date.now() + delayMs });
    await waited;
  }

  #isOver(): boolean {
    return this.#stopped || this.#state.kind === "failed";
  }

  #become(state: Attachment): void {
    this.#state = state;
    this.#options.changed(state);
    this.notify();
  }

  /** Wakes whoever waits for a change, also when something beside the state is different. */
  notify(): void {
    for (const settle of [...(this.#waiters ?? [])]) settle();
  }

  #leave(settle: () => void): void {
    this.#waiters?.delete(settle);
    if (this.#waiters?.size === 0) this.#waiters = undefined;
  }
}

function isRetryable(error: unknown): boolean {
  return isLSError(error) && error.retryable;
}

const EXPLANATIONS: Readonly<Record<NotReadyReason, string>> = {
  absent: "it does not exist yet",
  empty: "it is empty: nothing was ever written to it",
  "not-wal": "it is not in WAL mode; run PRAGMA journal_mode = WAL on it",
  "locked-exclusive": "another connection holds it in exclusive locking mode",
  unsupported: "it is damaged, or of a kind that cannot be replicated",
};

function notReady(path: string, reason: NotReadyReason): LSError {
  return new LSError("LS_NOT_READY", `${path} cannot be replicated yet: ${EXPLANATIONS[reason]}`, {
    retryable: true,
    details: { path, reason, ...(reason === "not-wal" ? { pragma: "PRAGMA journal_mode = WAL" } : {}) },
  });
}
