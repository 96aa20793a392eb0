/**
 * Restore without the engine: for readers and serverless functions.
 * @module
 */
export { isLSError, LSError, type LSErrorCode } from "../errors.js";
export { fromURL, registerBackend } from "../registry.js";
export type { IntegrityCheck } from "./integrity.js";
export type { PageSink, RestoredShape } from "./page-sink.js";
export type { AvailablePoints, RestorePoint } from "./plan.js";
export type { DamagedFile } from "./plan-error.js";
export { type RestoreFileResult, type RestoreOptions, type RestoreSource, restore } from "./restore.js";
export type { RestoreProgress, RestoreResult, RestoreToOptions } from "./restore-options.js";
export { restoreTo } from "./restore-to.js";
