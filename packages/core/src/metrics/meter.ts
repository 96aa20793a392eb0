import type { DBEventBody } from "../db/events.js";
import type { DBStatus } from "../db/status.js";
import type { ReplicaClient } from "../replica-client.js";
import type { KeepingEventBody } from "../store/events.js";
import { EventCounters } from "./event-counters.js";
import { MeasuredClient } from "./measured-client.js";
import type { DBMetrics } from "./metrics.js";

/** Everything that is counted about one database, for as long as its `DB` lives. */
export class Meter {
  readonly #client: MeasuredClient;
  readonly #counters: EventCounters = new EventCounters();

  constructor(client: ReplicaClient) {
    this.#client = new MeasuredClient(client);
  }

  /** The client, counted. */
  get client(): ReplicaClient {
    return this.#client;
  }

  /** Counts an event; does not throw. Bound: it is handed out. */
  readonly count: (event: DBEventBody | KeepingEventBody) => void = (event) => this.#counters.count(event);

  read(path: string, status: DBStatus): DBMetrics {
    return {
      db: path,
      replicaType: this.#client.type,
      phase: status.phase,
      phaseSinceMs: status.since.getTime(),
      localTXID: Number(status.localTXID),
      remoteTXID: Number(status.remoteTXID),
      lagMs: status.lagMs,
      walBytes: status.walBytes,
      stagedFiles: status.stagedFiles,
      stagedBytes: status.stagedBytes,
      isDiskFull: status.pausedBy === "disk-full",
      counters: this.#counters.read(),
      stored: this.#client.stored(),
      operations: this.#client.operations(),
      levels: [],
    };
  }
}
