import type { TXID } from "@ls/ltx";
import { expect } from "vitest";
import { FaultStore } from "../../../testkit/src/fault-store.js";
import { HISTORY_START, LTXHistory } from "../../../testkit/src/ltx-history.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { MemorySink } from "../../../testkit/src/memory-sink.js";
import { Random } from "../../../testkit/src/random.js";
import { RequestCounter } from "../../../testkit/src/request-counter.js";
import type { KeepingSettings } from "../src/compaction/agenda.js";
import { checkCompactionLevels } from "../src/compaction/levels.js";
import { LocalCopies } from "../src/compaction/local-copies.js";
import { DirectMerging } from "../src/compaction/merging.js";
import { verifyLevels } from "../src/compaction/verify.js";
import { Limit } from "../src/concurrency/limit.js";
import { EventSink } from "../src/db/events.js";
import { ALL_LEVELS } from "../src/levels.js";
import { silentLogger } from "../src/logger.js";
import type { LTXFileInfo, LTXFileRef } from "../src/replica-client.js";
import { restoreTo } from "../src/restore/restore-to.js";
import { KEEPING_EVENT_LEVELS, type KeepingEvent, type KeepingEventBody } from "../src/store/events.js";
import { Keeper } from "../src/store/keeping/keeper.js";
import { Scheduler } from "../src/store/scheduler.js";
import { FakeClock } from "./fake-clock.js";

export const HOUR: number = 3_600_000;
export const DEFAULTS: KeepingSettings = {
  levels: checkCompactionLevels(),
  snapshotIntervalMs: 24 * HOUR,
  snapshotRetentionMs: 24 * HOUR,
  l0RetentionMs: 300_000,
};

/** A history whose transactions happen when the clock says. */
class TimedHistory extends LTXHistory {
  readonly #times: Map<bigint, number> = new Map();

  happened(txid: bigint, atMs: number): void {
    this.#times.set(txid, atMs);
  }

  override timeOf(txid: bigint): Date {
    return new Date(this.#times.get(txid) ?? HISTORY_START);
  }
}

export const l0 = (txid: bigint): LTXFileRef => ({ level: 0, minTXID: txid, maxTXID: txid });

export interface KeptOptions {
  readonly transactions?: number;
  readonly maxPages?: number;
  readonly settings?: KeepingSettings;
  readonly verifyIntervalMs?: number;
}

/** A keeper with a destination of its own, on a clock that is moved by hand. Each transaction of a made-up history is uploaded as a cut. */
export class Kept {
  readonly history: TimedHistory;
  readonly memory: MemoryClient = new MemoryClient();
  readonly counter: RequestCounter = new RequestCounter(this.memory);
  readonly store: FaultStore = new FaultStore(this.counter);
  readonly clock: FakeClock;
  readonly scheduler: Scheduler;
  readonly events: KeepingEvent[] = [];
  /** What the database was told that level 1 holds. */
  readonly merged: TXID[] = [];
  keeper: Keeper;
  uploaded = 0n;
  /** Whether snapshots can be made from the database. */
  readsDatabase = false;
  readonly #options: { readonly settings: KeepingSettings; readonly verifyIntervalMs: number };

  constructor(seed: number, { transactions = 200, maxPages = 40, settings = DEFAULTS, verifyIntervalMs = 0 }: KeptOptions = {}) {
    this.history = new TimedHistory(new Random(seed), { transactions, maxPages });
    this.clock = new FakeClock(HISTORY_START);
    this.scheduler = new Scheduler(this.clock);
    this.#options = { settings, verifyIntervalMs };
    this.keeper = this.#newKeeper();
  }

  #newKeeper(): Keeper {
    return new Keeper({
      client: this.store,
      settings: this.#options.settings,
      verifyIntervalMs: this.#options.verifyIntervalMs,
      image: {
        databaseBytes: () => (this.readsDatabase ? this.history.state(this.uploaded).length : undefined),
        take: async () => {
          const bytes = await this.history.image(1n, this.uploaded);
          const ref = { level: 9, minTXID: 1n, maxTXID: this.uploaded };
          this.memory.put(ref, bytes);
          return { ...ref, size: bytes.length, createdAt: new Date(this.clock.now()) };
        },
      },
      locals: new LocalCopies("/nonexistent"),
      merged: (txid) => this.merged.push(txid),
      merging: new DirectMerging(),
      lanes: { healthy: new Limit(2), ailing: new Limit(1) },
      scheduler: this.scheduler,
      clock: this.clock,
      events: new EventSink<KeepingEventBody>(
        { subject: { db: "db" }, onEvent: (event) => this.events.push(event), logger: silentLogger },
        KEEPING_EVENT_LEVELS,
      ),
      jitter: 0,
    });
  }

  async attach(): Promise<void> {
    this.keeper.listed(await this.listAll());
    await this.settle();
  }

  async restart(): Promise<void> {
    await this.keeper.stop();
    this.keeper = this.#newKeeper();
    await this.attach();
  }

  async list(level: number): Promise<LTXFileInfo[]> {
    const files: LTXFileInfo[] = [];
    for await (const file of this.memory.ltxFiles(level)) files.push(file);
    return files;
  }

  async listAll(): Promise<LTXFileInfo[]> {
    return (await Promise.all(ALL_LEVELS.map((level) => this.list(level)))).flat();
  }

  async names(level: number): Promise<string> {
    return (await this.list(level)).map((file) => `${file.minTXID}-${file.maxTXID}`).join(" ");
  }

  /** The next transaction becomes durable at the destination. */
  async cut(): Promise<void> {
    const txid = ++this.uploaded;
    this.history.happened(txid, this.clock.now());
    const bytes = await this.history.raw(txid);
    this.memory.put(l0(txid), bytes);
    this.keeper.stored({ ...l0(txid), size: bytes.length, createdAt: this.history.timeOf(txid) });
    await this.settle();
  }

  /** A cut a second, as the history's times have it. */
  async run(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      await this.cut();
      await this.pass(1000);
    }
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms, () => this.settle());
  }

  /** Until nothing is being done. Work waits for real promises only, so a few turns are enough to see that. */
  async settle(): Promise<void> {
    for (let turns = 0; turns === 0 || this.keeper.status().doing !== undefined; turns++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (turns === 100_000)
        throw new Error(`work without end: ${JSON.stringify(this.events.slice(-3), (_, value) => (typeof value === "bigint" ? String(value) : value))}`);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  of<T extends KeepingEvent["type"]>(type: T): Extract<KeepingEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<KeepingEvent, { type: T }> => event.type === type);
  }

  async expectRestorable(txid: bigint): Promise<void> {
    const sink = new MemorySink();
    const result = await restoreTo(this.memory, sink, { txid });
    expect(result.damaged).toEqual([]);
    expect(Buffer.from(sink.database ?? []).equals(this.history.state(txid))).toBe(true);
  }

  async expectSound(): Promise<void> {
    expect(verifyLevels(await this.listAll())).toEqual([]);
    await this.expectRestorable(this.uploaded);
  }
}
