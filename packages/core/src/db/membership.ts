import type { TXID } from "@ls/ltx";
import { Brand } from "../brand.js";
import type { Merging } from "../compaction/merging.js";
import type { Logger } from "../logger.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import type { KeepingEventBody } from "../store/events.js";
import type { DBEvent } from "./events.js";

/** Told what the destination of a database holds, as replication finds out. */
export interface DestinationObserver {
  /** Everything that is there: listed just now. */
  listed(files: readonly LTXFileInfo[]): void;
  /** One more file is durable there. */
  stored(file: LTXFileInfo): void;
  /** Replication has ended: the destination may be somebody else's from now on. */
  ended(): void;
}

/** What a `Store` needs to take a database in. */
export interface DBContract {
  /** @throws LSError `LS_INVALID_OPTION` when the database is open, or belongs to a Store already. */
  join(membership: Membership): Member;
}

export const DB_BRAND: Brand<DBContract> = new Brand("@ls/core.db@1");

/** What a Store gives to its databases. */
export interface Membership {
  /** For a database that has none of its own. */
  readonly onEvent: ((event: DBEvent) => void) | undefined;
  /** For a database that has none of its own. */
  readonly logger: Logger | undefined;
  /** For a database that has none of its own. */
  readonly shutdownTimeoutMs: number;
  /** How often level-0 files are merged, ms; 0 = never. */
  readonly mergeIntervalMs: number;
  readonly observer: DestinationObserver;
}

/** What a Store needs of a database beyond its public face. */
export interface Member {
  /** Directory with its staged files. */
  readonly metaPath: string;
  /** The client that its destination is kept with. */
  readonly client: ReplicaClient;
  /** Where merges of its destination are computed. */
  readonly merging: Merging;
  /** Level 1 of its destination holds everything up to this TXID: no merge reads the local copies any more. */
  merged(txid: TXID): void;
  /** Counts what is told about its destination. */
  readonly count: (event: KeepingEventBody) => void;
  /** The database is its own again. Call it while it is closed. */
  leave(): void;
}
