/**
 * The entry of the worker thread that runs the engines of all databases of a process. It is started by `worker-host.ts` only.
 */
import { parentPort } from "node:worker_threads";
import { Engine } from "../db/engine/engine.js";
import type { EngineRequests } from "../db/protocol.js";
import { driverFromSpec } from "../sqlite/resolve.js";
import { toPlainError } from "./host-error.js";
import { HostedMerge } from "./hosted-merge.js";
import { watchIdleHeap } from "./idle-heap.js";
import type { FromWorker, MergeSettings, Op, Requests, ToWorker } from "./messages.js";
import { tellEngine } from "./tell-engine.js";

/** Longest wait for a barrier's lock: the application is on another thread, and its transactions are short beside this. */
const BARRIER_PATIENCE_MS = 20;

if (parentPort === null) throw new Error("this file is the entry of a worker thread");
const port = parentPort;
watchIdleHeap();

interface Hosted {
  readonly work: Engine | HostedMerge;
  readonly running: Map<number, AbortController>;
}

const seats = new Map<number, Hosted>();
/** Why an engine could not be made; every request to it gets this. */
const broken = new Map<number, unknown>();

function send(message: FromWorker, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, transfer);
}

function createEngine({ seat, settings, driver }: Extract<ToWorker, { type: "engine" }>): void {
  try {
    const work = new Engine({
      settings,
      driver: driverFromSpec(driver),
      emit: (event) => send({ type: "event", seat, event }),
      barrierPatienceMs: BARRIER_PATIENCE_MS,
    });
    seats.set(seat, { work, running: new Map() });
  } catch (error) {
    broken.set(seat, error);
  }
}

function createMerge(seat: number, settings: MergeSettings): Hosted {
  const work = new HostedMerge(settings, (want) => send({ type: "want", seat, want }, [want.buffer.buffer]));
  const hosted = { work, running: new Map<number, AbortController>() };
  seats.set(seat, hosted);
  return hosted;
}

async function answer({ seat, request, op, params }: Extract<ToWorker, { type: "request" }>): Promise<void> {
  // `as`: the sender's request() has typed the parameters by the operation.
  const hosted = op === "merge" || op === "mergeVerify" ? createMerge(seat, params as MergeSettings) : seats.get(seat);
  const controller = new AbortController();
  hosted?.running.set(request, controller);
  try {
    if (hosted === undefined) throw broken.get(seat) ?? new Error("nobody has this seat");
    const value = await perform(hosted.work, op, params, controller.signal);
    send({ type: "answer", seat, request, value }, buffersOf(value));
  } catch (error) {
    send({ type: "error", seat, request, error: toPlainError(error) });
  } finally {
    hosted?.running.delete(request);
    if (hosted?.work instanceof HostedMerge && hosted.work.isOver) forget(seat);
  }
}

function tell({ seat, op, params }: Extract<ToWorker, { type: "tell" }>): void {
  const work = seats.get(seat)?.work;
  if (work instanceof Engine) tellEngine(work, op, params, (event) => send({ type: "event", seat, event }));
}

async function perform(work: Engine | HostedMerge, op: Op, params: unknown, signal: AbortSignal): Promise<Requests[Op]["result"]> {
  if (op === "merge" || op === "mergeNext" || op === "mergeVerify") {
    if (work instanceof HostedMerge) return work.request(op, signal);
  } else if (work instanceof Engine) {
    // `as`: the sender's request() has typed the parameters by the operation.
    return work.request(op, params as EngineRequests[typeof op]["params"], signal);
  }
  throw new Error(`${op} is not for this seat`);
}

function supply({ seat, want, buffer }: Extract<ToWorker, { type: "supply" }>): void {
  const work = seats.get(seat)?.work;
  if (work instanceof HostedMerge) work.supply(want, buffer);
}

function forget(seat: number): void {
  const work = seats.get(seat)?.work;
  if (work instanceof HostedMerge) work.end();
  seats.delete(seat);
  broken.delete(seat);
}

/** What an answer need not be copied for: the bytes are the receiver's. */
function buffersOf(value: Requests[Op]["result"]): readonly ArrayBuffer[] {
  return value !== undefined && "chunk" in value && value.chunk !== undefined ? [value.chunk.buffer] : [];
}

port.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "engine":
      return createEngine(message);
    case "request":
      return void answer(message);
    case "tell":
      return tell(message);
    case "cancel":
      return seats.get(message.seat)?.running.get(message.request)?.abort();
    case "supply":
      return supply(message);
    case "forget":
      return forget(message.seat);
  }
});
