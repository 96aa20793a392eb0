import { LSError, type ReplicaClient } from "@ls/core/backend-kit";
import { formatLTXFilename } from "@ls/ltx";
import type { ConformanceOptions } from "../src/index.js";
import { MemoryReplicaClient, type MemoryReplicaClientOptions, MemoryStorage } from "../src/memory/index.js";

const SECRET = "hunter2-secret";

type Subject = Pick<ConformanceOptions, "create" | "capabilities" | "facilities">;

/** Everything that the suite asks of a service, in memory; `make` makes the clients, right or wrong ones. */
export function memorySubject(
  make: (options: MemoryReplicaClientOptions, secret: string) => ReplicaClient = (options) => new MemoryReplicaClient(options),
  listsStorageTime = false,
): Subject {
  let requests = 0;
  const undeletable = new Set<string>();
  const storage = new MemoryStorage({
    onRequest: ({ operation, key }) => {
      requests++;
      if (operation === "delete" && undeletable.has(key)) throw new LSError("LS_STORAGE_DENIED", `${key} is locked`);
    },
  });
  const client = (place: string, where: MemoryStorage = storage): ReplicaClient => make({ storage: where, path: place, listsStorageTime }, SECRET);
  /** The same place, through a storage that answers every request with this error until it is told not to. */
  const troubled = (place: string, error: LSError): { client: ReplicaClient; end: () => Promise<void> } => {
    let fails = true;
    const broken = new MemoryStorage({
      onRequest: () => {
        if (fails) throw error;
      },
    });
    return {
      client: client(place, broken),
      end: async () => {
        fails = false;
      },
    };
  };
  return {
    create: client,
    capabilities: new MemoryReplicaClient({ listsStorageTime }).capabilities,
    facilities: {
      foreign: async (place, level, name) => {
        storage.put(`${place}/ltx/${level}/${name}`, { bytes: new Uint8Array(3), headerTime: undefined, storedAt: new Date() });
      },
      outage: async (place) => troubled(place, new LSError("LS_STORAGE_UNAVAILABLE", "nobody answers", { retryable: true })),
      denied: async (place) => troubled(place, new LSError("LS_STORAGE_DENIED", "not you")),
      undeletable: async (place, ref) => {
        const key = `${place}/ltx/${ref.level}/${formatLTXFilename(ref.minTXID, ref.maxTXID)}`;
        undeletable.add(key);
        return async () => {
          undeletable.delete(key);
        };
      },
      requests: () => requests,
      secrets: () => [SECRET],
    },
  };
}
