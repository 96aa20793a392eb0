import type { TXID } from "@ls/ltx";
import { type KeepingSettings, type KeepingTask, planAgenda } from "../compaction/agenda.js";
import { Inventory, newestTXID } from "../compaction/inventory.js";
import { KeepingMemory } from "../compaction/keeping-memory.js";
import type { LocalCopies } from "../compaction/local-copies.js";
import { mergeFiles } from "../compaction/merge.js";
import type { Merging } from "../compaction/merging.js";
import { deleteFiles } from "../compaction/retention.js";
import { type LevelIssue, verifyLevels } from "../compaction/verify.js";
import type { Limit } from "../concurrency/limit.js";
import { type EventSink, reportOf } from "../db/events.js";
import type { DestinationObserver } from "../db/membership.js";
import { isLSError, LSError } from "../errors.js";
import { ALL_LEVELS, L0_LEVEL, SNAPSHOT_LEVEL } from "../levels.js";
import { retryDelayMs } from "../replica/retry-delay.js";
import type { LTXFileInfo, ReplicaClient } from "../replica-client.js";
import { listReplica } from "../restore/list-all.js";
import { fileKey } from "../restore/plan.js";
import type { Clock } from "./clock.js";
import type { KeepingEventBody, KeepingWork } from "./events.js";
import type { Due, Scheduler } from "./scheduler.js";
import type { KeepingStatus } from "./status.js";

/** First wait after a failure, ms. */
const RETRY_BASE_MS = 1000;
/** A destination that lets nothing be deleted is asked again after that. */
const APPEND_ONLY_RETRY_MS = 60 * 60_000;
/** What a restore in this process was reading is asked for again after that. */
const HELD_RETRY_MS = 10_000;
/** Whether deleted level-0 files are really gone is looked up at most this often. */
const CHECK_MS = 60 * 60_000;

type Task = KeepingTask | "verify";

/** Work at a time over all databases. Those that failed last have their own, narrow lane: they may hang, and must not hold up the others. */
export interface Lanes {
  readonly healthy: Limit;
  readonly ailing: Limit;
}

/** Snapshots made from the database itself. */
export interface SnapshotImage {
  /** Size of the database; undefined while it cannot be read. */
  databaseBytes(): number | undefined;
  /** Stores one at the destination. */
  take(signal: AbortSignal): Promise<LTXFileInfo>;
}

export interface KeeperOptions {
  readonly client: ReplicaClient;
  readonly settings: KeepingSettings;
  /** How often the levels are verified, ms; 0 = never. */
  readonly verifyIntervalMs: number;
  readonly image: SnapshotImage;
  readonly locals: LocalCopies;
  /** Told that level 1 holds everything up to a TXID. */
  readonly merged: (txid: TXID) => void;
  readonly merging: Merging;
  readonly lanes: Lanes;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
  readonly events: EventSink<KeepingEventBody>;
  /** From 0 to below 1: this database's share of the spread of due times. */
  readonly jitter: number;
}

/**
 * Keeps one destination: does what `planAgenda` says, one thing at a time, and knows what came of it. Nothing happens until replication has listed
 * the destination, and again after it has ended.
 */
export class Keeper implements DestinationObserver, Due {
  readonly #options: KeeperOptions;
  #inventory: Inventory | undefined;
  #memory: KeepingMemory | undefined;
  #allowed = false;
  /** What is being done ends when it is aborted. */
  #current: AbortController | undefined;
  #run: Promise<void> | undefined;
  /** Somebody asked for a look since the last one. */
  #isAskedFor = false;
  #doing: { readonly work: KeepingWork; readonly sinceMs: number } | undefined;
  #nextMs: number | undefined;
  #verifyAtMs: number = Number.POSITIVE_INFINITY;
  readonly #failures: Record<KeepingWork, number> = { merge: 0, snapshot: 0, retention: 0, verify: 0 };
  #lastError: { readonly error: unknown; readonly atMs: number } | undefined;
  #isAppendOnly = false;
  #checkedMs: number = Number.NEGATIVE_INFINITY;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  // ---- what replication finds out

  listed(files: readonly LTXFileInfo[]): void {
    const nowMs = this.#options.clock.now();
    this.#inventory = new Inventory(files);
    this.#memory ??= new KeepingMemory(nowMs, this.#options.jitter);
    if (this.#options.verifyIntervalMs > 0 && this.#verifyAtMs === Number.POSITIVE_INFINITY) this.#verifyAtMs = nowMs + this.#options.verifyIntervalMs;
    this.#allowed = true;
    this.due();
  }

  stored(file: LTXFileInfo): void {
    this.#inventory?.add(file);
    this.due();
  }

  ended(): void {
    this.#allowed = false;
    this.#current?.abort();
    this.#inventory = undefined;
    this.#wake(undefined);
  }

  /** Ends what is being done; resolves when nothing runs any more. */
  async stop(): Promise<void> {
    this.ended();
    await this.#run;
  }

  /** Looks whether there is something to do, and does it. */
  due(): void {
    this.#isAskedFor = true;
    if (this.#run !== undefined || !this.#allowed) return;
    const task = this.#next();
    if (task === undefined) return;
    this.#current = new AbortController();
    const { signal } = this.#current;
    this.#run = this.#work(task, signal).finally(() => {
      this.#run = undefined;
      this.#current = undefined;
      // Whoever asked while the work was being broken off was not heard.
      if (this.#isAskedFor || signal.aborted) this.due();
    });
  }

  /**
   * Lists the destination and checks what a listing can tell. When the newest state cannot be restored any more, because a lifecycle rule of the
   * service took the last snapshot of an idle database perhaps, a new snapshot is due.
   * @throws errors of the client.
   */
  async verify(signal: AbortSignal): Promise<readonly LevelIssue[]> {
    const known = this.#inventory === undefined ? 0n : newestTXID(this.#inventory);
    const { files } = await listReplica(this.#options.client, { accurateTimestamps: false, inOrder: true, patient: false, signal });
    const issues = verifyLevels(files, known);
    this.#options.events.emit({ type: "verified", issues });
    if (issues.some(({ type }) => type === "not-restorable") && this.#inventory !== undefined && this.#memory !== undefined) {
      this.#take(files);
      this.#memory.wantsSnapshot = true;
      this.due();
    }
    return issues;
  }

  status(): KeepingStatus {
    const inventory = this.#inventory;
    const snapshot = inventory?.level(SNAPSHOT_LEVEL).at(-1);
    return {
      levels: inventory === undefined ? undefined : ALL_LEVELS.map((level) => levelStatus(inventory, level)).filter((level) => level.files > 0),
      snapshot: snapshot === undefined ? undefined : { txid: snapshot.maxTXID, createdAt: snapshot.createdAt },
      doing: this.#doing === undefined ? undefined : { work: this.#doing.work, since: new Date(this.#doing.sinceMs) },
      nextAt: this.#nextMs === undefined ? undefined : new Date(this.#nextMs),
      lastError: this.#lastError === undefined ? undefined : { ...reportOf(this.#lastError.error), at: new Date(this.#lastError.atMs) },
      failures: Math.max(...Object.values(this.#failures)),
      isAppendOnly: this.#isAppendOnly,
    };
  }

  // ---- work

  async #work(first: Task, signal: AbortSignal): Promise<void> {
    for (let task: Task | undefined = first; task !== undefined && !signal.aborted; task = this.#next()) {
      const { healthy, ailing } = this.#options.lanes;
      const lane = this.#isAiling ? ailing : healthy;
      // Looked at anew where it has to wait: that may be long.
      const found = lane.isFree ? task : undefined;
      await lane.run(() => this.#do(found ?? this.#next(), signal));
    }
  }

  get #isAiling(): boolean {
    return Object.values(this.#failures).some((failures) => failures > 0);
  }

  /** What is due now; if nothing is, sets the alarm for what comes next. */
  #next(): Task | undefined {
    const { settings, locals, clock, image } = this.#options;
    this.#isAskedFor = false;
    if (this.#inventory === undefined || this.#memory === undefined) return undefined;
    const nowMs = clock.now();
    const agenda = planAgenda({
      inventory: this.#inventory,
      settings,
      memory: this.#memory,
      nowMs,
      isLocal: (file) => locals.has(file),
      databaseBytes: () => image.databaseBytes(),
    });
    if (agenda !== "idle" && "task" in agenda) return agenda.task;
    if (this.#verifyAtMs <= nowMs) return "verify";
    const atMs = Math.min(agenda === "idle" ? Number.POSITIVE_INFINITY : agenda.atMs, this.#verifyAtMs);
    this.#wake(atMs === Number.POSITIVE_INFINITY ? undefined : atMs);
    return undefined;
  }

  async #do(task: Task | undefined, signal: AbortSignal): Promise<void> {
    if (task === undefined || signal.aborted) return;
    const work = task === "verify" ? task : task.kind;
    this.#doing = { work, sinceMs: this.#options.clock.now() };
    try {
      if (task === "verify") await this.#verifyOnSchedule(signal);
      else await this.#perform(task, signal);
      this.#succeeded(work);
    } catch (error) {
      if (!signal.aborted) this.#failed(work, error);
    } finally {
      this.#doing = undefined;
    }
  }

  async #verifyOnSchedule(signal: AbortSignal): Promise<void> {
    this.#verifyAtMs = this.#options.clock.now() + this.#options.verifyIntervalMs;
    await this.verify(signal);
  }

  async #perform(task: KeepingTask, signal: AbortSignal): Promise<void> {
    switch (task.kind) {
      case "merge":
        return this.#merge(task, task.level, task.files, undefined, signal);
      case "snapshot": {
        const { plan } = task;
        if (plan.status === "image") return this.#takeImage(signal);
        if (plan.status !== "merge") throw new LSError("LS_LTX_CORRUPTED", "what the destination holds does not add up to its newest state");
        const newestMs = plan.files.at(-1)?.createdAt.getTime() ?? 0;
        return this.#merge(task, SNAPSHOT_LEVEL, plan.files, Math.max(Math.round(this.#options.clock.now()), newestMs), signal);
      }
      case "retention":
        return this.#delete(task.of, task.files, signal);
    }
  }

  async #merge(task: KeepingTask, level: number, files: readonly LTXFileInfo[], timestampMs: number | undefined, signal: AbortSignal): Promise<void> {
    const { client, clock, events, merging, merged } = this.#options;
    const outcome = await mergeFiles({ client, level, files, timestampMs, merging, signal });
    switch (outcome.status) {
      case "written": {
        const { file } = outcome;
        this.#inventory?.add(file);
        this.#memory?.done(level, clock.now());
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
          if (this.#memory?.condemn(file, file.reason) === true) events.emit({ type: "damaged-file", ...file });
        }
        return;
      case "changed":
        await this.#relist(outcome.reason, signal);
        // Still the same plan from a new listing: the service shows what is not so. It takes time, not another attempt at once.
        if (sameTask(this.#next(), task))
          throw new LSError("LS_STORAGE_UNAVAILABLE", `${outcome.reason}, but the listing does not show it`, { retryable: true });
    }
  }

  async #takeImage(signal: AbortSignal): Promise<void> {
    const { clock, events, image } = this.#options;
    const file = await image.take(signal);
    this.#inventory?.add(file);
    if (this.#memory?.isUsable(file) === false) {
      throw new LSError("LS_LTX_CORRUPTED", "a damaged snapshot of the newest state is there already; the next change makes room for another");
    }
    this.#memory?.done(SNAPSHOT_LEVEL, clock.now());
    events.emit({ type: "snapshot", txid: file.maxTXID, sizeBytes: file.size });
  }

  async #relist(reason: string, signal: AbortSignal): Promise<void> {
    const { files } = await listReplica(this.#options.client, { accurateTimestamps: false, inOrder: true, patient: false, signal });
    if (this.#inventory === undefined) return;
    this.#take(files);
    this.#options.events.emit({ type: "relisted", reason });
  }

  /** Goes by a new listing from now on. */
  #take(files: readonly LTXFileInfo[]): void {
    const known = this.#inventory?.maxTXID(L0_LEVEL) ?? 0n;
    // Newer ones count when it is said that they are stored: till then they may be somebody else's, whom ours of their names are no copies of.
    const listed = new Inventory(files.filter((file) => file.level !== L0_LEVEL || file.maxTXID <= known));
    const newest = listed.maxTXID(L0_LEVEL);
    // The newest cuts are never deleted by anyone: what the listing lacks of them is younger than it.
    for (const file of this.#inventory?.level(L0_LEVEL) ?? []) if (file.maxTXID > newest) listed.add(file);
    this.#inventory = listed;
  }

  async #delete(of: "l0" | "history", files: readonly LTXFileInfo[], signal: AbortSignal): Promise<void> {
    const { client, clock, events } = this.#options;
    const { deleted, failures, isAppendOnly, isHeld } = await deleteFiles(client, files, signal);
    for (const file of deleted) this.#inventory?.remove(file);
    if (deleted.length > 0) events.emit({ type: "retention", files: deleted.length, bytes: deleted.reduce((sum, file) => sum + file.size, 0) });
    if (isAppendOnly) {
      if (!this.#isAppendOnly) events.emit({ type: "append-only" });
      this.#isAppendOnly = true;
      this.#memory?.holdOff("retention", clock.now() + APPEND_ONLY_RETRY_MS);
      return;
    }
    if (failures.length > 0) {
      await this.#relist("some files could not be deleted", signal);
      throw deletionFailed(failures);
    }
    this.#isAppendOnly = false;
    if (isHeld) this.#memory?.holdOff("retention", clock.now() + HELD_RETRY_MS);
    else this.#memory?.done(of, clock.now());
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
    for (const file of remaining) this.#inventory?.add(file);
    this.#memory?.holdOff("retention", clock.now() + APPEND_ONLY_RETRY_MS);
    events.emit({ type: "retention-ineffective", files: remaining.length });
  }

  #succeeded(work: KeepingWork): void {
    const failures = this.#failures[work];
    if (failures === 0) return;
    this.#failures[work] = 0;
    if (!this.#isAiling) this.#lastError = undefined;
    this.#options.events.emit({ type: "keeping-recovered", failures });
  }

  #failed(work: KeepingWork, error: unknown): void {
    const { clock, events } = this.#options;
    const nowMs = clock.now();
    const failures = ++this.#failures[work];
    const retryable = isLSError(error) && error.retryable;
    const nextRetryMs = nowMs + retryDelayMs({ failures, retryable, baseMs: RETRY_BASE_MS, random: Math.random() });
    if (work === "verify") this.#verifyAtMs = nextRetryMs;
    else this.#memory?.holdOff(work, nextRetryMs);
    this.#lastError = { error, atMs: nowMs };
    events.emit({ type: "keeping-failed", work, error: reportOf(error), failures, nextRetryAt: new Date(nextRetryMs) });
  }

  #wake(atMs: number | undefined): void {
    this.#nextMs = atMs;
    this.#options.scheduler.set(this, atMs);
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

function sameTask(next: Task | undefined, task: KeepingTask): boolean {
  return next !== undefined && next !== "verify" && keyOf(next) === keyOf(task);
}

function keyOf(task: KeepingTask): string {
  const files = task.kind === "snapshot" ? (task.plan.status === "merge" ? task.plan.files : []) : task.files;
  return [task.kind, task.kind === "merge" ? task.level : "", ...files.map(fileKey)].join(" ");
}

function deletionFailed(failures: readonly unknown[]): LSError {
  const first = failures[0];
  const { message, retryable } = reportOf(first);
  return new LSError("LS_STORAGE_UNAVAILABLE", `${failures.length} files could not be deleted, the first because: ${message}`, {
    cause: new AggregateError(failures),
    retryable,
  });
}

function levelStatus(inventory: Inventory, level: number): { level: number; files: number; bytes: number; maxTXID: bigint } {
  const files = inventory.level(level);
  return { level, files: files.length, bytes: files.reduce((sum, file) => sum + file.size, 0), maxTXID: inventory.maxTXID(level) };
}
