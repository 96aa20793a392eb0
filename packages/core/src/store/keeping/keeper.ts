import type { KeepingTask } from "../../compaction/agenda.js";
import type { LevelIssue } from "../../compaction/verify.js";
import type { Limit } from "../../concurrency/limit.js";
import { reportOf } from "../../db/events.js";
import type { DestinationObserver } from "../../db/membership.js";
import type { LTXFileInfo } from "../../replica-client.js";
import type { KeepingWork } from "../events.js";
import type { Due, Scheduler } from "../scheduler.js";
import type { KeepingStatus } from "../status.js";
import { Compactor, type CompactorOptions } from "./compactor.js";
import { KeepingFailures } from "./failures.js";
import { KnownDestination, type KnownDestinationOptions } from "./known-destination.js";
import { type RetentionOptions, RetentionPasses } from "./retention-passes.js";
import { verifyDestination } from "./verification.js";

type Task = KeepingTask | "verify";

/** Work at a time over all databases. Those that failed last have their own, narrow lane: they may hang, and must not hold up the others. */
export interface Lanes {
  readonly healthy: Limit;
  readonly ailing: Limit;
}

export interface KeeperOptions extends KnownDestinationOptions, CompactorOptions, RetentionOptions {
  /** How often the levels are verified, ms; 0 = never. */
  readonly verifyIntervalMs: number;
  readonly lanes: Lanes;
  readonly scheduler: Scheduler;
}

/**
 * Keeps one destination: has done what its agenda says, when it says so, one thing at a time. Nothing happens until replication has listed the
 * destination, and again after it has ended.
 */
export class Keeper implements DestinationObserver, Due {
  readonly #options: KeeperOptions;
  readonly #known: KnownDestination;
  readonly #compactor: Compactor;
  readonly #retention: RetentionPasses;
  readonly #failures: KeepingFailures = new KeepingFailures();
  /** What is being done ends when it is aborted. */
  #current: AbortController | undefined;
  #run: Promise<void> | undefined;
  /** Somebody asked for a look since the last one. */
  #isAskedFor = false;
  #doing: { readonly work: KeepingWork; readonly sinceMs: number } | undefined;
  #nextMs: number | undefined;
  #verifyAtMs: number = Number.POSITIVE_INFINITY;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#known = new KnownDestination(options);
    this.#compactor = new Compactor(this.#known, options);
    this.#retention = new RetentionPasses(this.#known, options);
  }

  // ---- what replication finds out

  listed(files: readonly LTXFileInfo[]): void {
    const { clock, verifyIntervalMs } = this.#options;
    this.#known.listed(files);
    if (verifyIntervalMs > 0 && this.#verifyAtMs === Number.POSITIVE_INFINITY) this.#verifyAtMs = clock.now() + verifyIntervalMs;
    this.due();
  }

  stored(file: LTXFileInfo): void {
    this.#known.stored(file);
    this.due();
  }

  ended(): void {
    this.#current?.abort();
    this.#known.ended();
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
    if (this.#run !== undefined || !this.#known.isListed) return;
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

  /** Lists the destination and checks what a listing can tell. @throws errors of the client. */
  async verify(signal: AbortSignal): Promise<readonly LevelIssue[]> {
    const { issues, isSnapshotWanted } = await verifyDestination(this.#known, this.#options.events, signal);
    if (isSnapshotWanted) this.due();
    return issues;
  }

  status(): KeepingStatus {
    return {
      ...this.#known.status(),
      doing: this.#doing === undefined ? undefined : { work: this.#doing.work, since: new Date(this.#doing.sinceMs) },
      nextAt: this.#nextMs === undefined ? undefined : new Date(this.#nextMs),
      ...this.#failures.status(),
      isAppendOnly: this.#retention.isAppendOnly,
    };
  }

  // ---- work

  async #work(first: Task, signal: AbortSignal): Promise<void> {
    for (let task: Task | undefined = first; task !== undefined && !signal.aborted; task = this.#next()) {
      const { healthy, ailing } = this.#options.lanes;
      const lane = this.#failures.any ? ailing : healthy;
      // Looked at anew where it has to wait: that may be long.
      const found = lane.isFree ? task : undefined;
      await lane.run(() => this.#do(found ?? this.#next(), signal));
    }
  }

  /** What is due now; if nothing is, sets the alarm for what comes next. */
  #next(): Task | undefined {
    this.#isAskedFor = false;
    const nowMs = this.#options.clock.now();
    const agenda = this.#known.agenda();
    if (agenda === undefined) return undefined;
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
      await this.#perform(task, signal);
      this.#succeeded(work);
    } catch (error) {
      if (!signal.aborted) this.#failed(work, error);
    } finally {
      this.#doing = undefined;
    }
  }

  async #perform(task: Task, signal: AbortSignal): Promise<void> {
    if (task === "verify") {
      this.#verifyAtMs = this.#options.clock.now() + this.#options.verifyIntervalMs;
      await this.verify(signal);
      return;
    }
    switch (task.kind) {
      case "merge":
        return this.#compactor.compact(task, signal);
      case "snapshot":
        return this.#compactor.snapshot(task, signal);
      case "retention":
        return this.#retention.run(task, signal);
    }
  }

  #succeeded(work: KeepingWork): void {
    const failures = this.#failures.succeeded(work);
    if (failures > 0) this.#options.events.emit({ type: "keeping-recovered", failures });
  }

  #failed(work: KeepingWork, error: unknown): void {
    const { clock, events } = this.#options;
    const { failures, nextRetryMs } = this.#failures.failed(work, error, clock.now());
    if (work === "verify") this.#verifyAtMs = nextRetryMs;
    else this.#known.memory?.holdOff(work, nextRetryMs);
    events.emit({ type: "keeping-failed", work, error: reportOf(error), failures, nextRetryAt: new Date(nextRetryMs) });
  }

  #wake(atMs: number | undefined): void {
    this.#nextMs = atMs;
    this.#options.scheduler.set(this, atMs);
  }
}
