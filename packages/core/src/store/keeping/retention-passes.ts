import { bytesOf } from "../../bytes-of.js";
import type { KeepingTask } from "../../compaction/agenda.js";
import { deleteFiles } from "../../compaction/retention.js";
import { type EventSink, reportOf } from "../../db/events.js";
import { isLSError, LSError } from "../../errors.js";
import type { LTXFileInfo, ReplicaClient } from "../../replica-client.js";
import { fileKey } from "../../restore/plan.js";
import type { Clock } from "../clock.js";
import type { KeepingEventBody } from "../events.js";
import type { KnownDestination } from "./known-destination.js";

/** A destination that lets nothing be deleted is asked again after that. */
const APPEND_ONLY_RETRY_MS = 60 * 60_000;
/** What a restore in this process was reading is asked for again after that. */
const HELD_RETRY_MS = 10_000;
/** Whether deleted level-0 files are really gone is looked up at most this often. */
const CHECK_MS = 60 * 60_000;

export interface RetentionOptions {
  readonly client: ReplicaClient;
  readonly clock: Clock;
  readonly events: EventSink<KeepingEventBody>;
}

type RetentionTask = Extract<KeepingTask, { kind: "retention" }>;

/** Deletes what is past its time at one destination, and finds out whether that service deletes at all. */
export class RetentionPasses {
  readonly #known: KnownDestination;
  readonly #options: RetentionOptions;
  #isAppendOnly = false;
  #checkedMs: number = Number.NEGATIVE_INFINITY;

  constructor(known: KnownDestination, options: RetentionOptions) {
    this.#known = known;
    this.#options = options;
  }

  /** The destination lets nothing be deleted. */
  get isAppendOnly(): boolean {
    return this.#isAppendOnly;
  }

  async run({ of, files }: RetentionTask, signal: AbortSignal): Promise<void> {
    const { client, clock, events } = this.#options;
    const { deleted, failures, isAppendOnly, isHeld } = await deleteFiles(client, files, signal);
    for (const file of deleted) this.#known.deleted(file);
    if (deleted.length > 0) events.emit({ type: "retention", files: deleted.length, bytes: bytesOf(deleted) });
    if (isAppendOnly) {
      if (!this.#isAppendOnly) events.emit({ type: "append-only" });
      this.#isAppendOnly = true;
      this.#known.memory?.holdOff("retention", clock.now() + APPEND_ONLY_RETRY_MS);
      return;
    }
    if (failures.length > 0) {
      await this.#known.relist("some files could not be deleted", signal);
      throw deletionFailed(failures);
    }
    this.#isAppendOnly = false;
    if (isHeld) this.#known.memory?.holdOff("retention", clock.now() + HELD_RETRY_MS);
    else this.#known.memory?.done(of, clock.now());
    if (of === "history" || clock.now() - this.#checkedMs >= CHECK_MS) await this.#checkGone(deleted, signal);
  }

  /** Some services say that they deleted, and did not. Two of the files are asked for; a listing costs more, and is made only when one is there. */
  async #checkGone(deleted: readonly LTXFileInfo[], signal: AbortSignal): Promise<void> {
    const { client, clock, events } = this.#options;
    this.#checkedMs = clock.now();
    const samples = new Set([deleted[0], deleted.at(-1)]);
    const found = await Promise.all([...samples].map((file) => file !== undefined && isReadable(client, file, signal)));
    if (!found.includes(true)) return;
    const keys = new Set(deleted.map(fileKey));
    const remaining: LTXFileInfo[] = [];
    for (const level of new Set(deleted.map((file) => file.level))) {
      for await (const file of client.ltxFiles(level, { signal })) if (keys.has(fileKey(file))) remaining.push(file);
    }
    if (remaining.length === 0) return;
    for (const file of remaining) this.#known.stored(file);
    this.#known.memory?.holdOff("retention", clock.now() + APPEND_ONLY_RETRY_MS);
    events.emit({ type: "retention-ineffective", files: remaining.length });
  }
}

async function isReadable(client: ReplicaClient, file: LTXFileInfo, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const _ of client.openLTXFile(file, { size: 1, signal })) break;
    return true;
  } catch (error) {
    if (isLSError(error, "LS_LTX_FILE_NOT_FOUND")) return false;
    throw error;
  }
}

function deletionFailed(failures: readonly unknown[]): LSError {
  const first = failures[0];
  const { message, retryable } = reportOf(first);
  return new LSError("LS_STORAGE_UNAVAILABLE", `${failures.length} files could not be deleted, the first because: ${message}`, {
    cause: new AggregateError(failures),
    retryable,
  });
}
