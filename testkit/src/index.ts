export { CallCounter } from "./call-counter.js";
export { type Census, censusDifference, openDescriptors, takeCensus, temporaryFiles } from "./census.js";
export { Child, ChildError, type ChildOptions, programPath } from "./child.js";
export { ClientWrapper } from "./client-wrapper.js";
export { waitFor, withDeadline } from "./deadline.js";
export { type Fault, type FaultRule, FaultStore } from "./fault-store.js";
export { type HeldLock, LockProbe, type LockProbeResult, lockLines, locksOn } from "./locks.js";
export { HISTORY_START, type HistoryOptions, LTXHistory } from "./ltx-history.js";
export { MemoryClient, type MemoryClientOptions } from "./memory-client.js";
export { NotesService, type NotesServiceOptions } from "./notes-service.js";
export { contentHash, type DatabaseModel, firstDifference, integrityProblem, modelOf, modelOfLive } from "./oracle.js";
export { cleanEnv, findUpstream, PEERS_COMMAND, upstreamOrSkip } from "./peers.js";
export { readPhases } from "./phase.js";
export { Program, type ProgramEnd, type ProgramOptions } from "./program.js";
export { Random, seedOf, withSeed } from "./random.js";
export { type ReplicaFile, replicaFiles } from "./replica-files.js";
export { rowsInReplica } from "./replica-rows.js";
export { replicaURL } from "./replica-url.js";
export { Replicator, type ReplicatorOptions, type ReplicatorPhase, type SyncStatus } from "./replicator.js";
export { type Operation, RequestCounter } from "./request-counter.js";
export * from "./servers/index.js";
export { peersAreRequired, skipLoudly } from "./skip.js";
export { type TempDir, tempDir } from "./tmp.js";
export {
  runUpstream,
  UpstreamDaemon,
  type UpstreamDatabase,
  type UpstreamLTXFile,
  type UpstreamResult,
  type UpstreamSettings,
  type UpstreamSync,
  upstreamFiles,
  upstreamRestore,
} from "./upstream.js";
export { type Action, WORKLOADS, type WorkloadName } from "./workload.js";
export { type Committed, Writer, type WriterOpen } from "./writer.js";
