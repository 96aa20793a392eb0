import type { ReplicaClient } from "@ls/core/backend-kit";
import type { MemoryReplicaClient } from "../../src/memory/index.js";

/** A client with one defect, and the cases that it must not pass. */
export interface BrokenClient {
  /** What is wrong, and how one comes to it. */
  readonly defect: string;
  /** The case that was made for this defect. */
  readonly named: string;
  /** Cases that fail as well, because they stand on the same duty. */
  readonly also?: readonly string[];
  /** Members of the right client, replaced by wrong ones. */
  readonly change: (right: MemoryReplicaClient, secret: string) => Partial<ReplicaClient>;
}

/** The right client with the wrong members. */
export function withDefect(right: MemoryReplicaClient, change: Partial<ReplicaClient>): ReplicaClient {
  const whole: ReplicaClient = {
    type: right.type,
    capabilities: right.capabilities,
    init: (options) => right.init(options),
    ltxFiles: (level, options) => right.ltxFiles(level, options),
    openLTXFile: (ref, options) => right.openLTXFile(ref, options),
    writeLTXFile: (ref, data, options) => right.writeLTXFile(ref, data, options),
    deleteLTXFiles: (refs, options) => right.deleteLTXFiles(refs, options),
    deleteAll: (options) => right.deleteAll(options),
    close: () => right.close(),
  };
  return Object.assign(whole, change);
}
