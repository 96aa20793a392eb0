import type { EngineEvent, EngineHost, EngineSettings } from "../db/protocol.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import { createInlineHost } from "./inline-host.js";
import { findWorkerEntry } from "./shared-worker.js";
import { createWorkerHost } from "./worker-host.js";

export interface EngineHostInit {
  readonly kind: "worker" | "inline";
  readonly settings: EngineSettings;
  /** From `resolveDriver()`, on the application's thread. */
  readonly driver: SQLiteDriver;
  /** The worker's entry, where it is not beside this code. */
  readonly workerURL?: URL | undefined;
}

/** Makes the engine of one database. Where the worker's entry, or the driver's module for it, is absent it runs inline, and a warning event says so. */
export function createEngineHost({ kind, settings, driver, workerURL }: EngineHostInit, onEvent: (event: EngineEvent) => void): EngineHost {
  if (kind === "inline") return createInlineHost(settings, driver, onEvent);
  const entry = findWorkerEntry(workerURL);
  if (entry !== undefined && driver.spec !== undefined) return createWorkerHost(settings, driver.spec, entry, onEvent);
  queueMicrotask(() =>
    onEvent({
      type: "warning",
      code: "LS_WORKER_ABSENT",
      message:
        entry === undefined
          ? "the worker's file was not found beside this code (a bundled application?), so the engine runs on this thread; name it with the workerURL option"
          : "the module of better-sqlite3 was not found for the worker (a bundled application?), so the engine runs on this thread",
    }),
  );
  return createInlineHost(settings, driver, onEvent);
}
