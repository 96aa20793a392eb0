/**
 * The entry of the worker thread that runs the engines of all databases of a process. It is started by `worker-host.ts` only.
 */
import { parentPort } from "node:worker_threads";
import { Engine } from "../db/engine/engine.js";
import type { EngineOp, EngineRequests } from "../db/protocol.js";
import { driverFromSpec } from "../sqlite/resolve.js";
import { toPlainError } from "./host-error.js";
import type { FromWorker, ToWorker } from "./messages.js";

/** Longest wait for a barrier's lock: the application is on another thread, and its transactions are short beside this. */
const BARRIER_PATIENCE_MS = 20;

if (parentPort === null) throw new Error("this file is the entry of a worker thread");
const port = parentPort;

interface Hosted {
  readonly engine: Engine;
  readonly running: Map<number, AbortController>;
}

const engines = new Map<number, Hosted>();
/** Why an engine could not be made; every request to it gets this. */
const broken = new Map<number, unknown>();

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function create(message: Extract<ToWorker, { type: "create" }>): void {
  const { engine: id, settings, driver } = message;
  try {
    const engine = new Engine({
      settings,
      driver: driverFromSpec(driver),
      emit: (event) => send({ type: "event", engine: id, event }),
      barrierPatienceMs: BARRIER_PATIENCE_MS,
    });
    engines.set(id, { engine, running: new Map() });
  } catch (error) {
    broken.set(id, error);
  }
}

async function answer(message: Extract<ToWorker, { type: "request" }>): Promise<void> {
  const { engine: id, request, op, params } = message;
  const hosted = engines.get(id);
  const controller = new AbortController();
  hosted?.running.set(request, controller);
  try {
    if (hosted === undefined) throw broken.get(id) ?? new Error("no such engine");
    // `as`: the sender's request() has typed the parameters by the operation.
    const value = await hosted.engine.request(op, params as EngineRequests[typeof op]["params"], controller.signal);
    send({ type: "answer", engine: id, request, value }, buffersOf(value));
  } catch (error) {
    send({ type: "error", engine: id, request, error: toPlainError(error) });
  } finally {
    hosted?.running.delete(request);
  }
}

/** What an answer need not be copied for: the bytes are the receiver's. */
function buffersOf(value: EngineRequests[EngineOp]["result"]): readonly ArrayBuffer[] {
  return value !== undefined && "chunk" in value && value.chunk !== undefined ? [value.chunk.buffer] : [];
}

port.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "create":
      return create(message);
    case "request":
      return void answer(message);
    case "cancel":
      return engines.get(message.engine)?.running.get(message.request)?.abort();
    case "forget":
      engines.delete(message.engine);
      broken.delete(message.engine);
  }
});
