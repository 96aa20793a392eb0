import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ChildError,
  type DatabaseModel,
  firstDifference,
  integrityProblem,
  modelOfLive,
  type Random,
  Replicator,
  type ReplicatorOptions,
  readPhases,
  temporaryFiles,
  Writer,
} from "@ls/testkit";
import type { RestoreOne } from "../judge.js";
import { committedIn } from "../ledger.js";
import { isKeptPoint, newestTXID } from "../replica-files.js";
import { copyIsBehind, DOWNTIMES, type Downtime, type Home, homeIn, keepCopy, sufferDowntime } from "./downtime.js";
import { KEEPING_MOMENTS, type KillPlan, MOMENTS, type Moment, momentsOf, planKill } from "./kills.js";

/** Something that `syncAndWait()` promised: at this TXID at least these transactions, or exactly this state. */
interface Acknowledged {
  readonly txid: bigint;
  readonly committed: number;
  readonly model?: DatabaseModel;
}

export interface CrashOptions {
  readonly rounds: number;
  readonly random: Random;
  readonly directory: string;
  readonly restoreByUs: RestoreOne;
  /** Judges a sample; absent where the peer is missing. */
  readonly restoreByUpstream?: RestoreOne | undefined;
  /** Rounds after which a new database and destination begin: restores by TXID read every file before it. */
  readonly roundsPerLife: number;
  /** Merges, snapshots and retention run as well, and often; a promise then lasts for as long as retention keeps its point. Default false. */
  readonly isKept?: boolean;
  readonly onRound?: ((line: string) => void) | undefined;
}

export interface CrashReport {
  readonly rounds: number;
  readonly acknowledged: number;
  readonly restoredByUs: number;
  readonly restoredByUpstream: number;
  /** Promises whose point was no longer kept when they were looked at; the newest state was looked at instead. */
  readonly expired: number;
  /** How often each moment was hit by a SIGKILL, by what the dead processes had noted. */
  readonly moments: Readonly<Record<Moment, number>>;
  readonly downtimes: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

const PAGE_SIZES = [1024, 4096, 8192, 65_536];
const HOSTS = ["worker", "inline"] as const;
const WRITER_RATE = 400;
/** How long a round keeps asking for syncs before the kill from outside. */
const ROUND_MS = 250;
/** How long the replicator has to reach the phase in which it is to die. */
const SELF_KILL_MS = 2_500;
/** Everything happens several times in a round. */
const KEEPING = {
  levels: [
    { level: 1, intervalMs: 100 },
    { level: 2, intervalMs: 400 },
  ],
  snapshotIntervalMs: 500,
  snapshotRetentionMs: 1500,
  l0RetentionMs: 100,
};

/**
 * A writer and a replicator are killed by SIGKILL again and again, and strange things happen to the files while both are
 * down. After every start the newest restorable state must equal the database, and everything that was ever
 * acknowledged must be restorable at its own TXID.
 */
export async function crashLoop(options: CrashOptions): Promise<CrashReport> {
  const loop = new CrashLoop(options);
  for (let round = 0; round < options.rounds; round++) {
    if (round % options.roundsPerLife === 0) await loop.beginLife(Math.floor(round / options.roundsPerLife));
    await loop.round(round);
  }
  await loop.endLife();
  return loop.report();
}

class CrashLoop {
  readonly #options: CrashOptions;
  readonly #random: Random;
  readonly #moments = new Map<Moment, number>([...MOMENTS, ...KEEPING_MOMENTS].map((moment) => [moment, 0]));
  readonly #downtimes = new Map<string, number>();
  readonly #faults: string[] = [];
  #rounds = 0;
  #acknowledgedCount = 0;
  #restoredByUs = 0;
  #restoredByUpstream = 0;
  #expired = 0;
  #scratch = 0;
  #home: Home;
  #pageSize = 4096;
  #acknowledged: Acknowledged[] = [];
  #hasCopy = false;
  /** What a lost database must come back with at least: the newest promise, unless an older history took over since. */
  #floor = 0;
  #downtime: Downtime = "nothing";
  /** An old copy lies there with its meta directory, and no run has continued above the destination yet. */
  #behind = false;
  #where = "";

  constructor(options: CrashOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#home = homeIn(options.directory);
  }

  get #isKept(): boolean {
    return this.#options.isKept ?? false;
  }

  async beginLife(life: number): Promise<void> {
    await this.endLife();
    const directory = join(this.#options.directory, `life-${life}`);
    mkdirSync(directory, { recursive: true });
    this.#home = homeIn(directory);
    this.#pageSize = PAGE_SIZES[life % PAGE_SIZES.length] ?? 4096;
    this.#acknowledged = [];
    this.#hasCopy = false;
    this.#behind = false;
    this.#floor = 0;
    this.#downtime = "nothing";
    await using writer = await this.#startWriter();
    await writer.step(3);
    await writer.close();
  }

  /** Looks again at promises of the whole life: later events must not have touched them. */
  async endLife(): Promise<void> {
    const step = Math.max(1, Math.floor(this.#acknowledged.length / 12));
    for (let i = 0; i < this.#acknowledged.length; i += step) {
      const promise = this.#acknowledged[i];
      if (promise !== undefined) await this.#check(promise, i % (step * 3) === 0);
    }
  }

  async round(round: number): Promise<void> {
    this.#rounds++;
    const kill = planKill(round, this.#isKept, this.#random);
    const death = kill.replicatorAt === undefined ? "" : `${kill.replicatorAt.phase}#${kill.replicatorAt.nth}, `;
    this.#where = `round ${round} (after ${this.#downtime}; ${death}writer ${kill.writerIn})`;
    this.#downtimes.set(this.#downtime, (this.#downtimes.get(this.#downtime) ?? 0) + 1);
    const before = this.#acknowledged.length;
    const phases = await this.#liveAndDie(round, kill).catch((error: unknown) => {
      this.#fault(error instanceof Error ? error.message : String(error));
      return [];
    });
    for (const moment of momentsOf(phases)) this.#moments.set(moment, (this.#moments.get(moment) ?? 0) + 1);
    const fresh = this.#acknowledged.slice(before);
    for (const promise of new Set([fresh[0], fresh.at(-1)])) if (promise !== undefined) await this.#check(promise, round % 3 === 0);
    this.#options.onRound?.(`${this.#where}: died in [${phases.join(", ")}], ${fresh.length} acknowledged`);
    await this.#chooseDowntime();
  }

  report(): CrashReport {
    return {
      rounds: this.#rounds,
      acknowledged: this.#acknowledgedCount,
      restoredByUs: this.#restoredByUs,
      restoredByUpstream: this.#restoredByUpstream,
      expired: this.#expired,
      // `as`: the map was filled with every moment when it was made.
      moments: Object.fromEntries(this.#moments) as Record<Moment, number>,
      downtimes: Object.fromEntries(this.#downtimes),
      faults: this.#faults,
    };
  }

  /** One round: start, prove that nothing was missed while down, write, acknowledge, die. Returns what the dead were doing. */
  async #liveAndDie(round: number, kill: KillPlan): Promise<string[]> {
    const directory = dirname(this.#home.path);
    const replicatorPhases = join(directory, "replicator.phase");
    const writerPhases = join(directory, "writer.phase");
    rmSync(replicatorPhases, { force: true });
    rmSync(writerPhases, { force: true });
    const db = { host: HOSTS[round % HOSTS.length] ?? "worker", minCheckpointPages: 10 };
    const settings: ReplicatorOptions = {
      path: this.#home.path,
      replicaPath: this.#home.replicaPath,
      replica: { syncIntervalMs: 50 },
      db,
      store: this.#isKept ? KEEPING : undefined,
    };
    if (this.#downtime === "old copy with its meta directory") {
      await this.#expectDestinationAhead(settings);
      this.#behind = true;
    }
    await using replicator = new Replicator({
      ...settings,
      db: { ...db, ...(this.#behind ? { onDestinationAhead: "continue" } : {}) },
      phasePath: replicatorPhases,
      ...(kill.replicatorAt === undefined ? {} : { killAt: kill.replicatorAt }),
    });
    await survivingDeath(replicator, () => this.#resume(replicator));
    await using writer = await this.#startWriter(writerPhases);
    if (replicator.child.running) {
      await writer.run(WRITER_RATE);
      const end = performance.now() + (kill.replicatorAt === undefined ? ROUND_MS : SELF_KILL_MS);
      await survivingDeath(replicator, () => this.#acknowledge(replicator, writer, end));
      await writer.pause();
    }
    await this.#bring(writer, kill.writerIn);
    writer.child.signal("SIGKILL");
    replicator.child.signal("SIGKILL");
    await Promise.all([writer.kill(), replicator.kill()]);
    return [...readPhases(replicatorPhases), ...readPhases(writerPhases)];
  }

  /** Brings the writer to the point where it is to die. */
  async #bring(writer: Writer, moment: KillPlan["writerIn"]): Promise<void> {
    if (moment === "checkpoint") {
      await writer.act("bulk");
      return writer.actAndDie(this.#random.pick(["checkpoint-passive", "checkpoint-full"]), 3);
    }
    if (moment === "open transaction") await writer.beginOpen();
    else await writer.run(WRITER_RATE);
    await sleep(this.#random.int(0, 20));
  }

  /** Start-up: what is at the destination afterwards is what the database holds, before anyone writes again. */
  async #resume(replicator: Replicator): Promise<void> {
    if (!existsSync(this.#home.path)) await this.#recover(replicator);
    await replicator.open();
    const committed = committedIn(this.#home.path);
    const txid = await replicator.syncAndWait();
    this.#behind = false;
    const promise = { txid, committed, model: modelOfLive(this.#home.path) };
    this.#promise(promise);
    await this.#check(promise, this.#rounds % 4 === 0);
    const leftover = temporaryFiles(this.#home.metaPath);
    if (leftover.length > 0) this.#fault(`temporary files survive a start: ${leftover.join(", ")}`);
  }

  async #recover(replicator: Replicator): Promise<void> {
    const outcome = await replicator.ensureExists();
    if (outcome !== "restored") throw new Error(`ensureExists() of a lost database answered "${outcome}"`);
    const found = committedIn(this.#home.path);
    if (found < this.#floor) this.#fault(`ensureExists() restored ${found} transactions, ${this.#floor} were acknowledged`);
  }

  async #acknowledge(replicator: Replicator, writer: Writer, end: number): Promise<void> {
    do {
      const still = this.#random.chance(0.3);
      const { committed } = still ? await writer.pause() : await writer.committed();
      const model = still ? modelOfLive(this.#home.path) : undefined;
      const txid = await replicator.syncAndWait();
      this.#promise(model === undefined ? { txid, committed } : { txid, committed, model });
      if (still) await writer.run(WRITER_RATE);
      await sleep(this.#random.int(0, 30));
    } while (performance.now() < end);
  }

  async #expectDestinationAhead(settings: ReplicatorOptions): Promise<void> {
    await using replicator = new Replicator(settings);
    try {
      await replicator.open();
      await replicator.syncAndWait();
      this.#fault("an old copy with its meta directory was accepted without LS_DESTINATION_AHEAD");
    } catch (error) {
      if (!(error instanceof ChildError) || error.code !== "LS_DESTINATION_AHEAD") throw error;
    }
    await replicator.close();
  }

  async #check(promise: Acknowledged, alsoUpstream: boolean): Promise<void> {
    if (!this.#isStillKept(promise.txid)) return this.#checkNewest();
    this.#restoredByUs++;
    await this.#checkBy("we", this.#options.restoreByUs, promise);
    if (!alsoUpstream || this.#options.restoreByUpstream === undefined) return;
    this.#restoredByUpstream++;
    await this.#checkBy("upstream", this.#options.restoreByUpstream, promise);
  }

  #isStillKept(txid: bigint): boolean {
    return !this.#isKept || isKeptPoint(this.#home.replicaPath, txid);
  }

  /** Whatever is merged and deleted, the newest state holds everything that was acknowledged since the history began. */
  async #checkNewest(): Promise<void> {
    this.#expired++;
    const newest = newestTXID(this.#home.replicaPath);
    await this.#checkBy("we", this.#options.restoreByUs, { txid: newest, committed: this.#floor });
  }

  async #checkBy(who: string, restoreOne: RestoreOne, promise: Acknowledged): Promise<void> {
    const output = join(this.#options.directory, `restored-${this.#scratch++}.db`);
    const faults = this.#faults.length;
    try {
      const problem =
        (await restoreOne(this.#home.replicaPath, output, promise.txid)) ??
        (promise.model === undefined ? undefined : firstDifference(output, promise.model)) ??
        integrityProblem(output);
      if (problem !== undefined) this.#fault(`${who} at TXID ${promise.txid}: ${problem}`);
      else if (committedIn(output) < promise.committed) {
        this.#fault(`${who} at TXID ${promise.txid}: ${committedIn(output)} transactions, ${promise.committed} acknowledged`);
      }
    } catch (error) {
      this.#fault(`${who} at TXID ${promise.txid}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(output + suffix, { force: true });
    }
    // Retention may have taken the point meanwhile, while the replicator was still at work.
    if (this.#faults.length > faults && promise.txid !== newestTXID(this.#home.replicaPath) && !this.#isStillKept(promise.txid)) this.#faults.length = faults;
  }

  async #chooseDowntime(): Promise<void> {
    let downtime: Downtime = this.#acknowledged.length === 0 ? "nothing" : this.#random.pick(DOWNTIMES);
    if (downtime.startsWith("old copy") && !(this.#hasCopy && copyIsBehind(this.#home))) downtime = "nothing";
    if (downtime === "nothing" && !this.#hasCopy && this.#acknowledged.length > 0) {
      keepCopy(this.#home);
      this.#hasCopy = true;
    }
    this.#downtime = downtime;
    await sufferDowntime(this.#home, downtime, this.#random);
    if (downtime.startsWith("old copy")) {
      this.#hasCopy = false;
      this.#floor = 0;
    }
    // Without its meta directory a database has no position that could be behind.
    if (["lost meta directory", "lost database and meta directory", "old copy alone"].includes(downtime)) this.#behind = false;
  }

  #startWriter(phasePath?: string): Promise<Writer> {
    const { path } = this.#home;
    return Writer.start({ path, seed: this.#random.uint32(), workload: "mixed", pageSize: this.#pageSize, ...(phasePath === undefined ? {} : { phasePath }) });
  }

  #promise(promise: Acknowledged): void {
    this.#acknowledgedCount++;
    this.#acknowledged.push(promise);
    this.#floor = promise.committed;
  }

  #fault(text: string): void {
    this.#faults.push(`${this.#where}: ${text}`);
  }
}

/** Runs `body`; that the replicator dies meanwhile is what the round is for. */
async function survivingDeath(replicator: Replicator, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    if (!(error instanceof ChildError) || error.code !== "CHILD_EXITED") throw error;
    await replicator.kill();
  }
}
