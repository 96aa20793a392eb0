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
