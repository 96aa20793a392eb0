import type { EngineEvent, EngineHost, EngineSettings } from "../db/protocol.js";
import type { DriverSpec } from "../sqlite/driver.js";
import { WorkerSeat } from "./shared-worker.js";

/** Runs the engine in the process's worker thread. */
export function createWorkerHost(settings: EngineSettings, driver: DriverSpec, entry: URL, onEvent: (event: EngineEvent) => void): EngineHost {
  const seat = new WorkerSeat(entry, {
    received: (message) => {
      if (message.type === "event") onEvent(message.event);
    },
    died: (error, cause) => onEvent({ type: "failed", code: error.code, message: `${error.message}: ${cause.message}` }),
  });
  seat.send({ type: "engine", seat: seat.seat, settings, driver });
  return {
    request: (op, params, options = {}) => seat.request(op, params, options.signal),
    tell: (op, params) => seat.send({ type: "tell", seat: seat.seat, op, params }),
    dispose: () => seat.leave(),
  };
}
