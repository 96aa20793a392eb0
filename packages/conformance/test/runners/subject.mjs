// What the other runners register: the client in memory, with a gap that is none where LS_FALSE_GAP asks for it.
import { MemoryReplicaClient, MemoryStorage } from "@ls/conformance/memory";

const storage = new MemoryStorage();
const reason = "not in this program";

/** @type {Omit<import("@ls/conformance").ConformanceOptions, "name" | "runner">} */
export const subject = {
  create: (path) => new MemoryReplicaClient({ storage, path }),
  capabilities: new MemoryReplicaClient().capabilities,
  facilities: {
    foreign: { impossible: reason },
    outage: { impossible: reason },
    denied: { impossible: reason },
    undeletable: { impossible: reason },
    requests: { impossible: reason },
    secrets: { impossible: reason },
  },
  knownGaps: process.env.LS_FALSE_GAP === "1" ? [{ case: "list.order", reason: "claimed, but not so" }] : [],
};
