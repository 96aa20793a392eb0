import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { LSError } from "../errors.js";
import { fromPlainError } from "./host-error.js";
import type { FromWorker, Op, Requests, ToWorker } from "./messages.js";

/** Where the worker's entry lies in the published package: beside every chunk that this code may end up in. */
const DEFAULT_ENTRY = new URL("./worker.js", import.meta.url);

/** Left to itself V8 takes 48 MB for short-lived objects, and keeps them; the engine's large data is outside of that heap. */
const YOUNG_GENERATION_MB = 4;

/** The entry to start, `undefined` where there is none (an application bundled into one file). */
export function findWorkerEntry(workerURL: URL | undefined): URL | undefined {
  if (workerURL !== undefined) return workerURL;
  return DEFAULT_ENTRY.protocol === "file:" && existsSync(fileURLToPath(DEFAULT_ENTRY)) ? DEFAULT_ENTRY : undefined;
}

/** What the worker says to a seat without being asked. */
export type Unasked = Extract<FromWorker, { type: "event" | "want" }>;

export interface SeatHandlers {
  readonly received: (message: Unasked) => void;
  /** The thread ended; every request has been rejected. */
  readonly died: (error: LSError, cause: Error) => void;
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** One worker thread for everything of the process that was given the same entry. */
class SharedWorker {
  static readonly #running = new Map<string, SharedWorker>();
  readonly #key: string;
  readonly #worker: Worker;
  readonly #seats = new Map<number, WorkerSeat>();
  #nextSeat = 1;
  #death: LSError | undefined;

  static for(entry: URL): SharedWorker {
    let shared = SharedWorker.#running.get(entry.href);
    if (shared === undefined) {
      shared = new SharedWorker(entry);
      SharedWorker.#running.set(entry.href, shared);
    }
    return shared;
  }

  private constructor(entry: URL) {
    this.#key = entry.href;
    // Danger: with tracking on, Node closes raw descriptors when the thread ends, and closing one of the database drops the application's locks.
    this.#worker = new Worker(entry, {
      name: "ls-engine",
      trackUnmanagedFds: false,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
      // A thread inherits the options of `node`, and `--input-type` (node -e, node -) is one that it then dies of: ERR_INPUT_TYPE_NOT_ALLOWED.
      ...(process.execArgv.some((one) => one.startsWith("--input-type")) ? { execArgv: [] } : {}),
    });
    this.#worker.on("message", (message: FromWorker) => this.#seats.get(message.seat)?.receive(message));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", (code) => this.#die(new Error(`the worker thread exited with code ${code}`)));
  }

  add(seat: WorkerSeat): number {
    const number = this.#nextSeat++;
    this.#seats.set(number, seat);
    return number;
  }

  /** Why nothing can be sent any more. */
  get death(): LSError | undefined {
    return this.#death;
  }

  send(message: ToWorker, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Forgets a seat; the thread ends with the last one. */
  async remove(seat: number, isForgotten: boolean): Promise<void> {
    if (!this.#seats.delete(seat)) return;
    if (!isForgotten) this.send({ type: "forget", seat }, []);
    if (this.#seats.size > 0) return;
    this.#forget();
    await this.#worker.terminate();
  }

  #die(cause: Error): void {
    this.#forget();
    if (this.#death !== undefined) return;
    const error = new LSError("LS_INTERNAL", "the worker thread ended unexpectedly", { cause });
    this.#death = error;
    const seats = [...this.#seats.values()];
    this.#seats.clear();
    for (const seat of seats) seat.die(error, cause);
  }

  #forget(): void {
    if (SharedWorker.#running.get(this.#key) === this) SharedWorker.#running.delete(this.#key);
  }
}

/** One engine's, or one merge's, side of the conversation with the process's worker thread. The thread keeps the process alive until its last seat is left. */
export class WorkerSeat {
  readonly #worker: SharedWorker;
  readonly #handlers: SeatHandlers;
  /** Requests that are not answered yet. */
  #pending: Map<number, Pending> | undefined;
  #nextRequest = 1;
  #isLeft = false;
  /** Names this seat in messages. */
  readonly seat: number;

  constructor(entry: URL, handlers: SeatHandlers) {
    this.#handlers = handlers;
    this.#worker = SharedWorker.for(entry);
    this.seat = this.#worker.add(this);
  }

  send(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    this.#worker.send(message, transfer);
  }

  request<O extends Op>(op: O, params: Requests[O]["params"], signal?: AbortSignal): Promise<Requests[O]["result"]> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#worker.death !== undefined) throw this.#worker.death;
      if (this.#isLeft) throw notOpen();
      const { seat } = this;
      const request = this.#nextRequest++;
      const onAbort = (): void => this.send({ type: "cancel", seat, request });
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#pending ??= new Map();
      this.#pending.set(request, {
        resolve: (value) => {
          signal?.removeEventListener("abort", onAbort);
          // `as`: the worker answers with the result type of the operation it was sent.
          resolve(value as Requests[O]["result"]);
        },
        reject: (reason) => {
          signal?.removeEventListener("abort", onAbort);
          // What a cancelled request rejects with over there has lost its identity on the way.
          reject(signal?.aborted === true ? signal.reason : reason);
        },
      });
      this.send({ type: "request", seat, request, op, params });
    });
  }

  /**
   * Rejects what is still asked for. Idempotent.
   * @param isForgotten whether the worker has nothing to this seat any more: then it need not be told.
   */
  async leave({ isForgotten = false }: { readonly isForgotten?: boolean } = {}): Promise<void> {
    this.#isLeft = true;
    if (this.#pending !== undefined) this.#rejectAll(notOpen());
    await this.#worker.remove(this.seat, isForgotten);
  }

  /** For the thread's own use. */
  receive(message: FromWorker): void {
    if (message.type === "event" || message.type === "want") {
      this.#handlers.received(message);
      return;
    }
    const pending = this.#pending?.get(message.request);
    this.#pending?.delete(message.request);
    if (this.#pending?.size === 0) this.#pending = undefined;
    if (message.type === "answer") pending?.resolve(message.value);
    else pending?.reject(fromPlainError(message.error));
  }

  /** For the thread's own use. */
  die(error: LSError, cause: Error): void {
    this.#rejectAll(error);
    this.#handlers.died(error, cause);
  }

  #rejectAll(error: LSError): void {
    for (const { reject } of this.#pending?.values() ?? []) reject(error);
    this.#pending = undefined;
  }
}

function notOpen(): LSError {
  return new LSError("LS_NOT_OPEN", "the database is closed");
}
