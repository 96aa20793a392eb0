import { Brand } from "../brand.js";
import { LSError } from "../errors.js";
import { checkIntervalMs, rejectUnknownOptions } from "../options.js";
import type { ReplicaClient } from "../replica-client.js";
import type { OpenForCheck } from "../restore/integrity.js";
import { type RestoreFileResult, type RestoreOptions, restoreFile } from "../restore/restore.js";

/** Options of a `Replica`. */
export interface ReplicaOptions {
  /**
   * Longest time from a commit to the cut that holds it, in ms: 0, or 10 ms to one week. Default 1000. 0 = cut as soon as the previous
   * upload is acknowledged.
   */
  readonly syncIntervalMs?: number | undefined;
}

/** What a `DB` needs of a Replica beyond its public face. */
export interface ReplicaContract {
  /** Integrity checks of {@link Replica.restore} use the database's own copy of SQLite. */
  bind(open: OpenForCheck): void;
}

export const REPLICA_BRAND: Brand<ReplicaContract> = new Brand("@ls/core.replica@1");

/** One destination of a database: a {@link ReplicaClient}, and how often it gets what is new. */
export class Replica {
  readonly client: ReplicaClient;
  /** Longest time from a commit to the cut that holds it, in ms. */
  readonly syncIntervalMs: number;
  #openForCheck: OpenForCheck | undefined;

  /** @throws LSError `LS_INVALID_OPTION` */
  constructor(client: ReplicaClient, options: ReplicaOptions = {}) {
    if (typeof client !== "object" || client === null || typeof client.writeLTXFile !== "function") {
      throw new LSError("LS_INVALID_OPTION", "Replica: the first argument must be a ReplicaClient, such as fromURL(url) returns", {
        details: { option: "client" },
      });
    }
    rejectUnknownOptions("Replica", options, ["syncIntervalMs"]);
    this.client = client;
    this.syncIntervalMs = checkIntervalMs("syncIntervalMs", options.syncIntervalMs, 1000);
  }

  /**
   * Restores from this destination into a new file; see `restore` of `@ls/core/restore`, whose errors it has. An integrity check uses the
   * driver of the `DB` that this replica belongs to, unless the options name another.
   */
  restore(options: RestoreOptions): Promise<RestoreFileResult> {
    return restoreFile(this.client, options, this.#openForCheck);
  }

  static {
    REPLICA_BRAND.mark(Replica.prototype, (replica) => ({
      bind(open) {
        replica.#openForCheck = open;
      },
    }));
  }
}
