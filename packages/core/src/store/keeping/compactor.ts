import type { TXID } from "@ls/ltx";
import type { Agenda, KeepingTask } from "../../compaction/agenda.js";
import { type MergeOptions, mergeFiles } from "../../compaction/merge.js";
import type { Merging } from "../../compaction/merging.js";
import type { EventSink } from "../../db/events.js";
import { LSError } from "../../errors.js";
import { L0_LEVEL, SNAPSHOT_LEVEL } from "../../levels.js";
import type { ReplicaClient } from "../../replica-client.js";
import { fileKey } from "../../restore/plan.js";
import type { Clock } from "../clock.js";
import type { KeepingEventBody } from "../events.js";
import type { KnownDestination } from "./known-destination.js";
import type { SnapshotImage } from "./snapshot-image.js";

export interface CompactorOptions {
  readonly client: ReplicaClient;
  readonly image: SnapshotImage;
  /** Told that level 1 holds everything up to a TXID. */
  readonly merged: (txid: TXID) => void;
  readonly merging: Merging;
  readonly clock: Clock;
  readonly events: EventSink<KeepingEventBody>;
}

type MergeTask = Extract<KeepingTask, { kind: "merge" }>;
type SnapshotTask = Extract<KeepingTask, { kind: "snapshot" }>;
type MergeInto = Pick<MergeOptions, "level" | "files" | "timestampMs">;

/** Writes levels 1 to 9 of one destination: merges files of the level below, and stores snapshots. */
export class Compactor {
  readonly #known: KnownDestination;
  readonly #options: CompactorOptions;

  constructor(known: KnownDestination, options: CompactorOptions) {
    this.#known = known;
    this.#options = options;
  }

  async compact(task: MergeTask, signal: AbortSignal): Promise<void> {
    await this.#merge(task, task, signal);
  }

  async snapshot(task: SnapshotTask, signal: AbortSignal): Promise<void> {
    const { plan } = task;
    if (plan.status === "image") return this.#takeImage(signal);
    if (plan.status !== "merge") throw new LSError("LS_LTX_CORRUPTED", "what the destination holds does not add up to its newest state");
    const newestMs = plan.files.at(-1)?.createdAt.getTime() ?? 0;
    const timestampMs = Math.max(Math.round(this.#options.clock.now()), newestMs);
    return this.#merge(task, { level: SNAPSHOT_LEVEL, files: plan.files, timestampMs }, signal);
  }

  async #merge(task: KeepingTask, { level, files, timestampMs }: MergeInto, signal: AbortSignal): Promise<void> {
    const { client, clock, events, merging, merged } = this.#options;
    const outcome = await mergeFiles({ client, level, files, timestampMs, merging, signal });
    switch (outcome.status) {
      case "written": {
        const { file } = outcome;
        this.#known.stored(file);
        this.#known.memory?.done(level, clock.now());
        if (level === L0_LEVEL + 1) merged(file.maxTXID);
        if (level === SNAPSHOT_LEVEL) events.emit({ type: "snapshot", txid: file.maxTXID, sizeBytes: file.size });
        else {
          const { minTXID, maxTXID, size } = file;
          events.emit({ type: "compacted", level, minTXID, maxTXID, sizeBytes: size, inputs: files.length });
        }
        return;
      }
      case "damaged":
        for (const file of outcome.files) {
          if (this.#known.memory?.condemn(file, file.reason) === true) events.emit({ type: "damaged-file", ...file });
        }
        return;
      case "changed":
        await this.#known.relist(outcome.reason, signal);
        // Still the same plan from a new listing: the service shows what is not so. It takes time, not another attempt at once.
        if (isTask(this.#known.agenda(), task))
          throw new LSError("LS_STORAGE_UNAVAILABLE", `${outcome.reason}, but the listing does not show it`, { retryable: true });
    }
  }

  async #takeImage(signal: AbortSignal): Promise<void> {
    const { clock, events, image } = this.#options;
    const file = await image.take(signal);
    this.#known.stored(file);
    if (this.#known.memory?.isUsable(file) === false) {
      throw new LSError("LS_LTX_CORRUPTED", "a damaged snapshot of the newest state is there already; the next change makes room for another");
    }
    this.#known.memory?.done(SNAPSHOT_LEVEL, clock.now());
    events.emit({ type: "snapshot", txid: file.maxTXID, sizeBytes: file.size });
  }
}

function isTask(agenda: Agenda | undefined, task: KeepingTask): boolean {
  return agenda !== undefined && agenda !== "idle" && "task" in agenda && keyOf(agenda.task) === keyOf(task);
}

function keyOf(task: KeepingTask): string {
  const files = task.kind === "snapshot" ? (task.plan.status === "merge" ? task.plan.files : []) : task.files;
  return [task.kind, task.kind === "merge" ? task.level : "", ...files.map(fileKey)].join(" ");
}
