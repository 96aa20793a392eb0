export { isLSError, LSError, type LSErrorCode, type LSErrorOptions } from "../errors.js";
export { ALL_LEVELS, L0_LEVEL, SNAPSHOT_LEVEL } from "../levels.js";
export { rejectUnknownOptions } from "../options.js";
export { type Backend, registerBackend } from "../registry.js";
export type {
  CallOptions,
  FileOwner,
  InitOptions,
  ListOptions,
  LTXFileInfo,
  LTXFileRef,
  OpenOptions,
  ReplicaClient,
  ReplicaClientCapabilities,
  WriteOptions,
} from "../replica-client.js";
export { fileSystemError, systemErrorCode } from "../system-error.js";
export { headerTimeMs } from "./header-time.js";
export { checkLevel, decimalLayout, hexLayout, type KeyLayout, ltxFileName } from "./key-layout.js";
export { nextChunk } from "./next-chunk.js";
export { type Part, PartReader, type PartReaderOptions } from "./part-reader.js";
export { type BodyRange, type OpenedBody, type ResumableBodyOptions, resumableBody } from "./resumable-body.js";
export { RetryBudget, type RetryLimits, retrying } from "./retry-budget.js";
export { type StallLimits, StallWatch } from "./stall-watch.js";
export { throwUndeleted } from "./throw-undeleted.js";
export { formatTimestamp, parseTimestamp, TIMESTAMP_METADATA_KEY } from "./timestamp-text.js";
export { unlessAborted } from "./unless-aborted.js";
