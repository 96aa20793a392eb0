import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { EngineEvent, EngineHost, EngineOp, EngineRequests, EngineSettings } from "../db/protocol.js";
import { LSError } from "../errors.js";
import type { DriverSpec } from "../sqlite/driver.js";
import { fromPlainError } from "./host-error.js";
import type { FromWorker, ToWorker } from "./messages.js";

/** Where the worker's entry lies in the published package: beside every chunk that this code may end up in. */
const DEFAULT_ENTRY = new URL("./worker.js", import.meta.url);

/** The entry to start, `undefined` where there is none (an application bundled into one file). */
export function findWorkerEntry(workerURL: URL | undefined): URL | undefined {
  if (workerURL !== undefined) return workerURL;
  return DEFAULT_ENTRY.protocol === "file:" && existsSync(fileURLToPath(DEFAULT_ENTRY)) ? DEFAULT_ENTRY : undefined;
}

/** Left to itself V8 takes 48 MB for short-lived objects, and keeps them; the engine's large data is outside of that heap. */
const YOUNG_GENERATION_MB = 8;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

interface Client {
  readonly onEvent: (event: EngineEvent) => void;
  readonly pending: Map<number, Pending>;
}

/** One worker thread for all databases of the process that were given the same entry. */
class SharedWorker {
  static readonly #running = new Map<string, SharedWorker>();
  readonly #key: string;
  readonly #worker: Worker;
  readonly #clients = new Map<number, Client>();
  #nextEngine = 1;
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
    this.#worker = new Worker(entry, { name: "ls-engine", trackUnmanagedFds: false, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB } });
    this.#worker.on("message", (message: FromWorker) => this.#receive(message));
    this.#worker.on("error", (error) => this.#die(error));
    this.#worker.on("exit", (code) => this.#die(new Error(`the worker thread exited with code ${code}`)));
  }

  add(client: Client): number {
    const engine = this.#nextEngine++;
    this.#clients.set(engine, client);
    return engine;
  }

  /** Why nothing can be sent any more. */
  get death(): LSError | undefined {
    return this.#death;
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Forgets an engine; the thread ends with the last one. */
  async remove(engine: number): Promise<void> {
    if (!this.#clients.delete(engine)) return;
    this.send({ type: "forget", engine });
    if (this.#clients.size > 0) return;
    this.#forget();
    await this.#worker.terminate();
  }

  #receive(message: FromWorker): void {
    const client = this.#clients.get(message.engine);
    if (client === undefined) return;
    if (message.type === "event") {
      client.onEvent(message.event);
      return;
    }
    const pending = client.pending.get(message.request);
    client.pending.delete(message.request);
    if (message.type === "answer") pending?.resolve(message.value);
    else pending?.reject(fromPlainError(message.error));
  }

  #die(cause: Error): void {
    this.#forget();
    if (this.#death !== undefined) return;
    const error = new LSError("LS_INTERNAL", "the worker thread ended unexpectedly", { cause });
    this.#death = error;
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    for (const { onEvent, pending } of clients) {
      for (const { reject } of pending.values()) reject(error);
      pending.clear();
      onEvent({ type: "failed", code: error.code, message: `${error.message}: ${cause.message}` });
    }
  }

  #forget(): void {
    if (SharedWorker.#running.get(this.#key) === this) SharedWorker.#running.delete(this.#key);
  }
}

/** Runs the engine in the process's worker thread. The thread keeps the process alive until its last engine is disposed of. */
export function createWorkerHost(settings: EngineSettings, driver: DriverSpec, entry: URL, onEvent: (event: EngineEvent) => void): EngineHost {
  const worker = SharedWorker.for(entry);
  const pending = new Map<number, Pending>();
  const engine = worker.add({ onEvent, pending });
  worker.send({ type: "create", engine, settings, driver });
  let nextRequest = 1;
  let disposed = false;
  const request = <Op extends EngineOp>(op: Op, params: EngineRequests[Op]["params"], signal?: AbortSignal): Promise<EngineRequests[Op]["result"]> =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (worker.death !== undefined) throw worker.death;
      if (disposed) throw notOpen();
      const id = nextRequest++;
      const onAbort = (): void => worker.send({ type: "cancel", engine, request: id });
      signal?.addEventListener("abort", onAbort, { once: true });
      pending.set(id, {
        resolve: (value) => {
          signal?.removeEventListener("abort", onAbort);
          // `as`: the worker answers with the result type of the operation it was sent.
          resolve(value as EngineRequests[Op]["result"]);
        },
        reject: (reason) => {
          signal?.removeEventListener("abort", onAbort);
          // What a cancelled request rejects with over there has lost its identity on the way.
          reject(signal?.aborted === true ? signal.reason : reason);
        },
      });
      worker.send({ type: "request", engine, request: id, op, params });
    });
  return {
    request: (op, params, options = {}) => request(op, params, options.signal),
    async dispose() {
      disposed = true;
      for (const { reject } of pending.values()) reject(notOpen());
      pending.clear();
      await worker.remove(engine);
    },
  };
}

function notOpen(): LSError {
  return new LSError("LS_NOT_OPEN", "the database is closed");
}
