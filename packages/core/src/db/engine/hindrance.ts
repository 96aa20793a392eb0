import { isLSError } from "../../errors.js";
import type { EngineEvent, EngineSettings } from "../protocol.js";
import { Backoff, LOOK_MS } from "./pace.js";

/** Cutting resumes when the staged files take this share of what they may. */
const RESUME_SHARE = 0.9;
/** The same warning is repeated at most this often. */
const WARNING_MS = 60_000;

/** What keeps the engine from working, since when, and until when it waits: pauses, backoff, warnings. Moments are `performance.now()`. */
export class Hindrance {
  readonly #settings: EngineSettings;
  readonly #emit: (event: EngineEvent) => void;
  readonly #stagedBytes: () => number;
  readonly #backoff = new Backoff();
  #paused: "staged-full" | "disk-full" | undefined;
  #cutsBlockedUntil = 0;
  #looksBlockedUntil = 0;
  #lastWarning = "";
  #lastWarningAt = Number.NEGATIVE_INFINITY;

  /** @param stagedBytes bytes in files that the destination has not acknowledged. */
  constructor(settings: EngineSettings, emit: (event: EngineEvent) => void, stagedBytes: () => number) {
    this.#settings = settings;
    this.#emit = emit;
    this.#stagedBytes = stagedBytes;
  }

  get paused(): "staged-full" | "disk-full" | undefined {
    return this.#paused;
  }

  /** No cut and no repair before this moment. */
  get cutsBlockedUntil(): number {
    return this.#cutsBlockedUntil;
  }

  get looksBlockedUntil(): number {
    return this.#looksBlockedUntil;
  }

  /** As many staged files as allowed wait for the destination. */
  get stagedFull(): boolean {
    const limit = this.#settings.maxStagedBytes;
    return this.#stagedBytes() >= (this.#paused === "staged-full" ? limit * RESUME_SHARE : limit);
  }

  pause(reason: "staged-full" | "disk-full"): void {
    if (this.#paused === reason) return;
    this.#paused = reason;
    this.#emit({ type: "paused", reason, stagedBytes: this.#stagedBytes() });
  }

  /** Waits longer after each failure; then cuts and repairs are tried again. */
  backOff(): void {
    this.#cutsBlockedUntil = performance.now() + this.#backoff.next();
  }

  /** Something fails that is not about cutting: neither look nor cut for a while. */
  backOffAll(): void {
    this.backOff();
    this.#looksBlockedUntil = this.#cutsBlockedUntil;
  }

  /** A lock that is held for a moment only. */
  waitForLock(): void {
    this.#cutsBlockedUntil = performance.now() + LOOK_MS;
  }

  /** What stopped the cuts may be over. */
  retryNow(): void {
    this.#cutsBlockedUntil = 0;
  }

  /** A cut was made, so whatever stopped cuts is over. */
  succeeded(): void {
    this.#backoff.reset();
    this.#cutsBlockedUntil = 0;
    if (this.#paused === undefined) return;
    this.#paused = undefined;
    this.#emit({ type: "resumed" });
  }

  /** Tells of trouble; the same trouble at most once a minute. */
  warn(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const now = performance.now();
    if (message === this.#lastWarning && now - this.#lastWarningAt < WARNING_MS) return;
    this.#lastWarning = message;
    this.#lastWarningAt = now;
    this.#emit({ type: "warning", code: isLSError(error) ? error.code : "LS_INTERNAL", message });
  }
}
