import type { TXID } from "@ls/ltx";
import { bytesOf } from "../../bytes-of.js";
import { type Agenda, type KeepingSettings, planAgenda } from "../../compaction/agenda.js";
import { Inventory, newestTXID } from "../../compaction/inventory.js";
import { KeepingMemory } from "../../compaction/keeping-memory.js";
import type { LocalCopies } from "../../compaction/local-copies.js";
import type { EventSink } from "../../db/events.js";
import { ALL_LEVELS, L0_LEVEL, SNAPSHOT_LEVEL } from "../../levels.js";
import type { LTXFileInfo, LTXFileRef, ReplicaClient } from "../../replica-client.js";
import { listReplica } from "../../restore/list-all.js";
import type { Clock } from "../clock.js";
import type { KeepingEventBody } from "../events.js";
import type { KeepingStatus, LevelStatus } from "../status.js";
import type { SnapshotImage } from "./snapshot-image.js";

export interface KnownDestinationOptions {
  readonly client: ReplicaClient;
  readonly settings: KeepingSettings;
  readonly image: SnapshotImage;
  readonly locals: LocalCopies;
  readonly clock: Clock;
  readonly events: EventSink<KeepingEventBody>;
  /** From 0 to below 1: this database's share of the spread of due times. */
  readonly jitter: number;
}

/**
 * What this process knows of one destination, and what there is to do by that. It is listed when replication attaches, kept current by what is stored
 * and deleted from here, and listed anew where it turns out to be different. After replication has ended, nothing is known of its files.
 */
export class KnownDestination {
  readonly #options: KnownDestinationOptions;
  #inventory: Inventory | undefined;
  #memory: KeepingMemory | undefined;

  constructor(options: KnownDestinationOptions) {
    this.#options = options;
  }

  /** Whether it is known which files are there. */
  get isListed(): boolean {
    return this.#inventory !== undefined;
  }

  /** Defined once the destination has been listed. */
  get memory(): KeepingMemory | undefined {
    return this.#memory;
  }

  /** 0n = nothing is there, or nothing is known. */
  get newestTXID(): TXID {
    return this.#inventory === undefined ? 0n : newestTXID(this.#inventory);
  }

  /** These files are there, and no others. */
  listed(files: readonly LTXFileInfo[]): void {
    this.#inventory = new Inventory(files);
    this.#memory ??= new KeepingMemory(this.#options.clock.now(), this.#options.jitter);
  }

  stored(file: LTXFileInfo): void {
    this.#inventory?.add(file);
  }

  deleted(file: LTXFileRef): void {
    this.#inventory?.remove(file);
  }

  ended(): void {
    this.#inventory = undefined;
  }

  /** What comes next; undefined while the files are not known. */
  agenda(): Agenda | undefined {
    if (this.#inventory === undefined || this.#memory === undefined) return undefined;
    const { settings, locals, clock, image } = this.#options;
    return planAgenda({
      inventory: this.#inventory,
      settings,
      memory: this.#memory,
      nowMs: clock.now(),
      isLocal: (file) => locals.has(file),
      databaseBytes: () => image.databaseBytes(),
    });
  }

  /** @throws errors of the client. */
  async list(signal: AbortSignal): Promise<readonly LTXFileInfo[]> {
    const { files } = await listReplica(this.#options.client, { accurateTimestamps: false, inOrder: true, patient: false, signal });
    return files;
  }

  /** Lists a destination that turned out to be different. @throws errors of the client. */
  async relist(reason: string, signal: AbortSignal): Promise<void> {
    if (this.goBy(await this.list(signal))) this.#options.events.emit({ type: "relisted", reason });
  }

  /** Goes by a new listing from now on. @returns false when replication ended while it was made. */
  goBy(files: readonly LTXFileInfo[]): boolean {
    if (this.#inventory === undefined) return false;
    const known = this.#inventory.maxTXID(L0_LEVEL);
    // Newer ones count when it is said that they are stored: till then they may be somebody else's, whom ours of their names are no copies of.
    const listed = new Inventory(files.filter((file) => file.level !== L0_LEVEL || file.maxTXID <= known));
    const newest = listed.maxTXID(L0_LEVEL);
    // The newest cuts are never deleted by anyone: what the listing lacks of them is younger than it.
    for (const file of this.#inventory.level(L0_LEVEL)) if (file.maxTXID > newest) listed.add(file);
    this.#inventory = listed;
    return true;
  }

  status(): Pick<KeepingStatus, "levels" | "snapshot"> {
    const inventory = this.#inventory;
    const snapshot = inventory?.level(SNAPSHOT_LEVEL).at(-1);
    return {
      levels: inventory === undefined ? undefined : ALL_LEVELS.map((level) => levelStatus(inventory, level)).filter((level) => level.files > 0),
      snapshot: snapshot === undefined ? undefined : { txid: snapshot.maxTXID, createdAt: snapshot.createdAt },
    };
  }
}

function levelStatus(inventory: Inventory, level: number): LevelStatus {
  const files = inventory.level(level);
  return { level, files: files.length, bytes: bytesOf(files), maxTXID: inventory.maxTXID(level) };
}
