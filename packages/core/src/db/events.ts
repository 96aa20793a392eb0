import type { TXID } from "@ls/ltx";
import { isLSError } from "../errors.js";
import { type Logger, silentLogger } from "../logger.js";
import type { ContinuedBy, NotReadyReason } from "./protocol.js";

/** What a database's replication is doing. */
export type DBPhase =
  /** `open()` has not been called. */
  | "closed"
  | "opening"
  /** The database cannot be replicated yet: it is absent, empty, not in WAL mode, … It is looked at again by itself. */
  | "waiting"
  /** Local state and destination are being brought together. */
  | "attaching"
  | "replicating"
  /** As `"replicating"`, but idle for so long that nothing of it is held open; whatever happens to its files, and most requests, end that. */
  | "resting"
  /** Something fails at the destination and is being repeated. */
  | "retrying"
  /** Nothing is cut until staged files or the disk have room again. */
  | "paused"
  /** Replication has stopped for good; `close()` releases what is left. */
  | "failed"
  | "closing";

/** An error as events and status show it. */
export interface ErrorReport {
  /** An `LSErrorCode`; for an error of another kind its name. */
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** Something that happened to one database. Plain data. */
export type DBEventBody =
  | { readonly type: "phase"; readonly phase: DBPhase; readonly reason?: NotReadyReason | undefined }
  /** Capture starts, and how the local state was joined to what came before. */
  | {
      readonly type: "attached";
      readonly by: ContinuedBy;
      readonly reason: string;
      /** Local position: the newest TXID. */
      readonly txid: TXID;
      readonly differingPages?: number | undefined;
      readonly pageCount?: number | undefined;
    }
  /** A destination that held another run's history was taken over: `remoteTXID` and everything below it stay as they are. */
  | {
      readonly type: "adopted";
      readonly remoteTXID: TXID;
      readonly txid: TXID;
      readonly differingPages?: number | undefined;
      readonly pageCount?: number | undefined;
      /** Share of the database's pages that differ from the destination's newest state, 0 to 1; absent when it was not compared. */
      readonly differingShare?: number | undefined;
    }
  /** The destination was ahead of the local position, and `onDestinationAhead: "continue"` said to go on above it. */
  | { readonly type: "destination-ahead"; readonly localTXID: TXID; readonly remoteTXID: TXID }
  /** Capture lost continuity while running and repaired it by itself. */
  | {
      readonly type: "continued";
      readonly by: ContinuedBy;
      readonly reason: string;
      readonly txid: TXID;
      readonly differingPages?: number | undefined;
      readonly pageCount?: number | undefined;
    }
  /** Capture lost continuity while running; it is being attached anew. */
  | { readonly type: "detached"; readonly reason: string }
  /** A cut is durable on the local disk. */
  | { readonly type: "cut"; readonly txid: TXID; readonly sizeBytes: number; readonly pageCount?: number | undefined }
  /** A cut is durable at the destination; `lagMs` = age of its oldest commit at that moment. */
  | { readonly type: "uploaded"; readonly txid: TXID; readonly sizeBytes: number; readonly pageCount?: number | undefined; readonly lagMs: number }
  | { readonly type: "attach-failed"; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date }
  | { readonly type: "upload-failed"; readonly txid: TXID; readonly error: ErrorReport; readonly failures: number; readonly nextRetryAt: Date }
  /** The destination works again, after that many failures in a row. */
  | { readonly type: "recovered"; readonly failures: number }
  | { readonly type: "paused"; readonly reason: "staged-full" | "disk-full"; readonly stagedBytes: number }
  | { readonly type: "resumed" }
  /** Writers were held for `heldMs` while an oversized WAL was folded into the database. */
  | { readonly type: "barrier"; readonly heldMs: number; readonly walBytes: number; readonly completed: boolean }
  /** Replication has folded the whole WAL into the database file: the next commit restarts it. */
  | { readonly type: "checkpointed"; readonly walBytes: number }
  /** A long read transaction of the application keeps the WAL from being folded. */
  | { readonly type: "reader-blocks-checkpoint"; readonly walBytes: number }
  | { readonly type: "warning"; readonly code: string; readonly message: string }
  /** `ensureExists()` restored the database. */
  | { readonly type: "restored"; readonly txid: TXID; readonly timestamp: Date }
  /** Replication has stopped for good. */
  | { readonly type: "failed"; readonly error: ErrorReport };

/** A {@link DBEventBody} with the database it is about and its time. */
export type DBEvent = DBEventBody & {
  /** The database's path. */
  readonly db: string;
  readonly at: Date;
};

export type Level = keyof Logger;

export interface EventSinkOptions<Body, Subject> {
  /** What every event is about. */
  readonly subject: Subject;
  readonly onEvent: ((event: Body & Subject & { readonly at: Date }) => void) | undefined;
  readonly logger: Logger;
  /** Sees every event before anybody else; does not throw. */
  readonly count?: ((event: Body) => void) | undefined;
}

/** Of any kind of event. */
export interface EventBody {
  readonly type: string;
}

/** Gives events to the application and to its logger. What an observer throws is logged and goes no further. */
export class EventSink<Body extends EventBody = DBEventBody, Subject extends object = { readonly db: string }> {
  readonly #options: EventSinkOptions<Body, Subject>;
  readonly #levels: Readonly<Record<string, Level>>;

  /** @param levels the logger's level for each type of event. */
  constructor(options: EventSinkOptions<Body, Subject>, levels: Readonly<Record<Body["type"], Level>>) {
    this.#options = options;
    this.#levels = levels;
  }

  emit(body: Body): void {
    const { subject, onEvent, logger, count } = this.#options;
    count?.(body);
    if (logger !== silentLogger) this.#guard(body.type, () => log(logger, this.#levels[body.type] ?? "warn", subject, body));
    if (onEvent !== undefined) this.#guard(body.type, () => onEvent({ ...body, ...subject, at: new Date() }));
  }

  #guard(event: string, call: () => unknown): void {
    try {
      const returned = call();
      // An async observer returns a promise, whatever its type says; its rejection would end the process.
      if (returned !== undefined) void Promise.resolve(returned).catch((error: unknown) => this.#observerFailed(event, error));
    } catch (error) {
      this.#observerFailed(event, error);
    }
  }

  #observerFailed(event: string, error: unknown): void {
    try {
      this.#options.logger.error("an event observer threw", { ...this.#options.subject, event, error });
    } catch {
      // The logger is what throws: there is nobody left to tell.
    }
  }
}

export function reportOf(error: unknown): ErrorReport {
  if (isLSError(error)) return { code: error.code, message: error.message, retryable: error.retryable };
  if (error instanceof Error) return { code: error.name, message: error.message, retryable: false };
  return { code: "Error", message: String(error), retryable: false };
}

/** How loud each event is in the log. */
export const DB_EVENT_LEVELS: Readonly<Record<DBEventBody["type"], Level>> = {
  phase: "debug",
  attached: "info",
  adopted: "warn",
  "destination-ahead": "warn",
  continued: "info",
  detached: "warn",
  cut: "debug",
  uploaded: "debug",
  "attach-failed": "warn",
  "upload-failed": "warn",
  recovered: "info",
  paused: "warn",
  resumed: "info",
  barrier: "debug",
  checkpointed: "debug",
  "reader-blocks-checkpoint": "warn",
  warning: "warn",
  restored: "info",
  failed: "error",
};

function log(logger: Logger, level: Level, subject: object, { type, ...fields }: EventBody): void {
  // The same trouble again is worth a line only ever more rarely: at 1, 2, 4, 8, … failures.
  const repeated = "failures" in fields && typeof fields.failures === "number" && (fields.failures & (fields.failures - 1)) !== 0;
  logger[repeated ? "debug" : level](type, { ...subject, ...fields });
}
