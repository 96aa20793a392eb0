import { Engine } from "../db/engine/engine.js";
import type { EngineEvent, EngineHost, EngineSettings } from "../db/protocol.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { tellEngine } from "./tell-engine.js";

/** A barrier is hardly waited for: the application may hold the lock on this very thread. */
const BARRIER_PATIENCE_MS = 2;

/** Runs the engine on the calling thread. Answers and events come asynchronously, as they do from a worker. */
export function createInlineHost(settings: EngineSettings, driver: SQLiteDriver, onEvent: (event: EngineEvent) => void): EngineHost {
  const emit = (event: EngineEvent): void => queueMicrotask(() => onEvent(event));
  const engine = new Engine({ settings, driver, emit, barrierPatienceMs: BARRIER_PATIENCE_MS });
  return {
    async request(op, params, options = {}) {
      return engine.request(op, params, options.signal);
    },
    tell: (op, params) => tellEngine(engine, op, params, emit),
    async dispose() {
      await engine.request("close", { discard: true });
    },
  };
}
