/**
 * A replica in memory, for tests.
 * @module
 */
export { MemoryReplicaClient, type MemoryReplicaClientOptions } from "./client.js";
export { type MemoryObject, type MemoryRequest, MemoryStorage, type MemoryStorageOptions } from "./storage.js";
