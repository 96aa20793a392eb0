import { type EventSink, reportOf } from "../db/events.js";
import { isLSError, LSError } from "../errors.js";
import type { Clock } from "./clock.js";
import type { HeartbeatEventBody } from "./events.js";
import type { HeartbeatURL } from "./heartbeat-url.js";
import type { Due, Scheduler } from "./scheduler.js";
import type { HeartbeatStatus, StoreDatabaseStatus } from "./status.js";

/** Longest wait for an answer, as upstream (heartbeat.go). */
const TIMEOUT_MS = 30_000;
/** While something is wrong, it is looked again so often, as upstream (store.go). */
const LOOK_MS = 15_000;

export interface HeartbeatOptions {
  readonly url: HeartbeatURL;
  readonly intervalMs: number;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly events: EventSink<HeartbeatEventBody, object>;
  readonly databases: () => readonly StoreDatabaseStatus[];
}

/**
 * Tells a monitoring service at regular intervals that all is well, and nothing while it is not: the service raises the alarm when it hears nothing.
 * A failure is an event, and holds nothing up.
 */
export class Heartbeat implements Due {
  readonly #options: HeartbeatOptions;
  /** Defined between start and stop; aborting it ends the request under way. */
  #running: AbortController | undefined;
  #request: Promise<void> | undefined;
  #sent = 0;
  #errors = 0;
  #failures = 0;
  #lastSentMs: number | undefined;
  #lastError: { readonly error: unknown; readonly atMs: number } | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Idempotent. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#running = new AbortController();
    this.#lookAgain(Math.min(this.#options.intervalMs, LOOK_MS));
  }

  /** Resolves when nothing is under way any more. Idempotent. */
  async stop(): Promise<void> {
    this.#running?.abort();
    this.#running = undefined;
    this.#options.scheduler.set(this, undefined);
    await this.#request;
  }

  due(): void {
    const { databases, intervalMs } = this.#options;
    if (this.#running === undefined) return;
    if (!allHealthy(databases(), intervalMs)) {
      this.#lookAgain(Math.min(intervalMs, LOOK_MS));
      return;
    }
    this.#request ??= this.#send(this.#running.signal).finally(() => {
      this.#request = undefined;
    });
    // Counted from the attempt, whatever comes of it: an endpoint in trouble is not pressed.
    this.#lookAgain(intervalMs);
  }

  status(): HeartbeatStatus {
    return {
      sent: this.#sent,
      errors: this.#errors,
      lastSentAt: this.#lastSentMs === undefined ? undefined : new Date(this.#lastSentMs),
      lastError: this.#lastError === undefined ? undefined : { ...reportOf(this.#lastError.error), at: new Date(this.#lastError.atMs) },
    };
  }

  #lookAgain(inMs: number): void {
    this.#options.scheduler.set(this, this.#options.clock.now() + inMs);
  }

  async #send(stopped: AbortSignal): Promise<void> {
    const { clock, events, intervalMs, url } = this.#options;
    try {
      await get(url, stopped);
    } catch (error) {
      if (stopped.aborted) return;
      this.#errors++;
      this.#failures++;
      this.#lastError = { error, atMs: clock.now() };
      events.emit({ type: "heartbeat-failed", error: reportOf(error), failures: this.#failures, nextRetryAt: new Date(clock.now() + intervalMs) });
      return;
    }
    this.#sent++;
    this.#lastSentMs = clock.now();
    this.#lastError = undefined;
    const failures = this.#failures;
    this.#failures = 0;
    if (failures > 0) events.emit({ type: "heartbeat-recovered", failures });
  }
}

/**
 * Whether there is a database, and each has everything at its destination but what was committed within the last `withinMs`. A database at rest is
 * healthy; one that is not captured, for whatever reason, is not.
 */
export function allHealthy(databases: readonly StoreDatabaseStatus[], withinMs: number): boolean {
  return (
    databases.length > 0 &&
    databases.every(
      ({ openError, replication: { phase, lagMs } }) =>
        openError === undefined && phase !== "failed" && phase !== "closed" && lagMs !== undefined && lagMs <= withinMs,
    )
  );
}

/** @throws LSError `LS_HEARTBEAT_FAILED`. Nothing of the URL is in it: its path is the secret with most services. */
async function get({ href, headers }: HeartbeatURL, stopped: AbortSignal): Promise<void> {
  let response: Response;
  try {
    response = await fetch(href, { headers, signal: AbortSignal.any([stopped, AbortSignal.timeout(TIMEOUT_MS)]) });
    // An answer that nobody reads would hold its connection.
    await response.body?.cancel();
  } catch (error) {
    throw failed(error instanceof Error && error.name === "TimeoutError" ? `no answer within ${TIMEOUT_MS / 1000} s` : reasonOf(error));
  }
  if (!response.ok) throw failed(`the answer was HTTP ${response.status}`);
}

/** The system's code of what `fetch` failed with, such as `ECONNREFUSED`; its messages may quote the URL. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause && !isLSError(cause) ? String(cause.code) : "";
  return /^[A-Z][A-Z0-9_]*$/.test(code) ? `the request failed with ${code}` : "the request failed";
}

function failed(why: string): LSError {
  return new LSError("LS_HEARTBEAT_FAILED", `the heartbeat did not get through: ${why}`, { retryable: true });
}
