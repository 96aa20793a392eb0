import type { EngineEvent, EngineOp, EngineSettings } from "../db/protocol.js";
import type { DriverSpec } from "../sqlite/driver.js";
import type { PlainError } from "./host-error.js";

/** What the application's thread sends to the worker. `engine` numbers the databases that share it. */
export type ToWorker =
  | { readonly type: "create"; readonly engine: number; readonly settings: EngineSettings; readonly driver: DriverSpec }
  | { readonly type: "request"; readonly engine: number; readonly request: number; readonly op: EngineOp; readonly params: unknown }
  /** Cancels a request; it is answered all the same. */
  | { readonly type: "cancel"; readonly engine: number; readonly request: number }
  /** The engine is closed, or is to be forgotten. */
  | { readonly type: "forget"; readonly engine: number };

export type FromWorker =
  | { readonly type: "answer"; readonly engine: number; readonly request: number; readonly value: unknown }
  | { readonly type: "error"; readonly engine: number; readonly request: number; readonly error: PlainError }
  | { readonly type: "event"; readonly engine: number; readonly event: EngineEvent };
