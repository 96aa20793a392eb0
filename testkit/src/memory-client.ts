/** The client in memory that `@ls/conformance` ships, and holds to the whole contract. */
export { MemoryReplicaClient as MemoryClient, type MemoryReplicaClientOptions as MemoryClientOptions } from "@ls/conformance/memory";
