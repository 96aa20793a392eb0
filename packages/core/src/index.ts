/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Continuous replication of live SQLite databases to object storage.
 * @module
 */
export { formatTXID, parseTXID, type TXID } from "@ls/ltx";
export { type CompactionLevel, DEFAULT_COMPACTION_LEVELS } from "./compaction/levels.js";
export type { LevelIssue } from "./compaction/verify.js";
export { type CheckpointResult, DB } from "./db/db.js";
export type { EnsureExistsResult } from "./db/ensure-exists.js";
export type { DBEvent, DBEventBody, DBPhase, ErrorReport } from "./db/events.js";
export type { DBOptions } from "./db/options.js";
export type { ContinuedBy, NotReadyReason } from "./db/protocol.js";
export type { SnapshotResult } from "./db/snapshot.js";
export type { DBStatus, SyncStatus } from "./db/status.js";
export { isLSError, LSError, type LSErrorCode, type LSErrorOptions } from "./errors.js";
export { ALL_LEVELS, L0_LEVEL, SNAPSHOT_LEVEL } from "./levels.js";
export type { Logger } from "./logger.js";
export type { DBCounters, DBMetrics, FailingWork, LevelMetrics, Operation, OperationMetrics, StoreMetrics } from "./metrics/metrics.js";
export { type Backend, fromURL, registerBackend } from "./registry.js";
export { Replica, type ReplicaOptions } from "./replica/replica.js";
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
} from "./replica-client.js";
export type { IntegrityCheck } from "./restore/integrity.js";
export type { RestoreFileResult, RestoreOptions } from "./restore/restore.js";
export type { RestoreProgress, RestoreResult } from "./restore/restore-options.js";
export type {
  HeartbeatEvent,
  HeartbeatEventBody,
  KeepingEvent,
  KeepingEventBody,
  KeepingWork,
  StoreEvent,
  WatchEvent,
  WatchEventBody,
} from "./store/events.js";
export type { StoreOptions } from "./store/options.js";
export type { HeartbeatStatus, KeepingStatus, LevelStatus, StoreDatabaseStatus, StoreStatus } from "./store/status.js";
export { Store } from "./store/store.js";
export type { DirectoryWatch, DirectoryWatchStatus } from "./store/watch/directory-watch.js";
export type { WatchDirectoryOptions } from "./store/watch/options.js";
