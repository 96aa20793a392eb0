import type { TXID } from "@ls/ltx";
import { type Agenda, type KeepingSettings, type KeepingTask, planAgenda } from "../src/compaction/agenda.js";
import { Inventory } from "../src/compaction/inventory.js";
import { KeepingMemory } from "../src/compaction/keeping-memory.js";
import { checkCompactionLevels } from "../src/compaction/levels.js";
import { ALL_LEVELS, SNAPSHOT_LEVEL } from "../src/levels.js";
import type { LTXFileInfo } from "../src/replica-client.js";
import { fileKey, planRestore } from "../src/restore/plan.js";
import { promisedEnds, type WrittenEnd } from "./promises.js";

export const HOUR_MS: number = 3_600_000;
export const DEFAULT_SETTINGS: KeepingSettings = {
  levels: checkCompactionLevels(),
  snapshotIntervalMs: 24 * HOUR_MS,
  snapshotRetentionMs: 24 * HOUR_MS,
  l0RetentionMs: 5 * 60_000,
};

/** A page in a file, compressed. */
const PAGE_BYTES = 1000;
const DATABASE_PAGE_BYTES = 4096;
const FILE_BYTES = 200;

/**
 * A destination that only exists as a listing: files are sets of pages, time is a number. Does what the agenda says and keeps account, apart from
 * the planners, of what has been promised.
 */
export class KeepingModel {
  nowMs: number;
  inventory: Inventory = new Inventory();
  memory: KeepingMemory;
  txid: TXID = 0n;
  uploadedBytes = 0;
  writes = 0;
  deleteRequests = 0;
  readonly tasks: KeepingTask[] = [];
  /** Every file end that ever was, by level. */
  readonly #ends: WrittenEnd[] = [];
  readonly #pages: Map<string, ReadonlySet<number>> = new Map();
  #databasePages: number;
  readonly #settings: KeepingSettings;
  readonly #readsDatabase: boolean;
  readonly damaged: Set<string> = new Set();

  constructor(options: { readonly settings?: KeepingSettings; readonly startMs: number; readonly databasePages?: number; readonly readsDatabase?: boolean }) {
    this.#settings = options.settings ?? DEFAULT_SETTINGS;
    this.nowMs = options.startMs;
    this.#databasePages = options.databasePages ?? 100;
    this.#readsDatabase = options.readsDatabase ?? false;
    this.memory = new KeepingMemory(this.nowMs, 0);
  }

  /** Bytes of one image of the database. */
  get imageBytes(): number {
    return this.#databasePages * PAGE_BYTES;
  }

  get storedBytes(): number {
    return this.inventory.all().reduce((sum, file) => sum + file.size, 0);
  }

  /** One cut is uploaded. The first holds every page. */
  write(pages: Iterable<number>): void {
    this.txid++;
    const content = this.txid === 1n ? range(this.#databasePages) : new Set([...pages].map((page) => page % this.#databasePages));
    const newest = this.inventory.level(0).at(-1);
    this.#store(0, this.txid, this.txid, content, Math.max(this.nowMs, newest?.createdAt.getTime() ?? 0));
  }

  /** A new process: nothing is known but the listing. */
  restart(): void {
    this.inventory = new Inventory(this.inventory.all());
    this.memory = new KeepingMemory(this.nowMs, 0);
  }

  agenda(): Agenda {
    const databaseBytes = (): number | undefined => (this.#readsDatabase ? this.#databasePages * DATABASE_PAGE_BYTES : undefined);
    return planAgenda({ inventory: this.inventory, settings: this.#settings, memory: this.memory, nowMs: this.nowMs, isLocal: () => false, databaseBytes });
  }

  /** Lets time pass, doing what is due. @param check called after every piece of work. */
  advance(ms: number, check: () => void = () => {}): void {
    const untilMs = this.nowMs + ms;
    for (let atOnce = 0; ; ) {
      const agenda = this.agenda();
      if (agenda !== "idle" && "task" in agenda) {
        if (++atOnce > 100) throw new Error(`no end of work at ${this.nowMs}: ${JSON.stringify(agenda.task, (_, v) => (typeof v === "bigint" ? `${v}` : v))}`);
        this.#perform(agenda.task);
        check();
        continue;
      }
      if (agenda === "idle" || agenda.atMs > untilMs) break;
      if (agenda.atMs <= this.nowMs) throw new Error("an agenda without a task must be in the future");
      this.nowMs = agenda.atMs;
      atOnce = 0;
    }
    this.nowMs = untilMs;
  }

  /** Checks, from what was ever written, that everything that the settings promise now can be restored. */
  missingPromises(): string[] {
    const points = reachable(this.inventory.all());
    const promised = promisedEnds(this.#ends, this.txid, this.#settings, this.nowMs);
    return [...promised].filter(([txid]) => !points.has(txid)).map(([txid, what]) => `TXID ${txid}, ${what}`);
  }

  /** Checks that files of the levels follow one another, with new starts only where a snapshot ends. */
  nestingProblems(): string[] {
    const problems: string[] = [];
    for (const level of ALL_LEVELS.slice(1, 9)) {
      let previous: LTXFileInfo | undefined;
      for (const file of this.inventory.level(level)) {
        const follows = previous === undefined || file.minTXID === previous.maxTXID + 1n;
        if (!follows && !this.#mayStart(level, file)) problems.push(`${fileKey(file)} follows ${previous === undefined ? "nothing" : fileKey(previous)}`);
        previous = file;
      }
    }
    return problems;
  }

  /** Whether the newest state restores without the files known to be damaged. */
  restoresNewest(): boolean {
    const result = planRestore(this.inventory.all(), { kind: "latest" }, this.damaged);
    return "plan" in result && result.plan.txid === this.txid;
  }

  /** First TXIDs above snapshots that ever were. */
  readonly #starts: Set<TXID> = new Set([1n]);

  #perform(task: KeepingTask): void {
    this.tasks.push(task);
    const bad = task.kind === "merge" ? task.files.find((file) => this.damaged.has(fileKey(file))) : undefined;
    if (bad !== undefined) {
      this.memory.condemn(bad, "damaged");
      return;
    }
    switch (task.kind) {
      case "merge": {
        this.#checkMerge(task);
        const first = task.files[0];
        const last = task.files.at(-1);
        if (first === undefined || last === undefined) throw new Error("a merge of nothing");
        this.#store(task.level, first.minTXID, last.maxTXID, this.#union(task.files), last.createdAt.getTime());
        this.memory.done(task.level, this.nowMs);
        break;
      }
      case "snapshot":
        this.#snapshot(task.plan);
        break;
      case "retention":
        this.deleteRequests++;
        for (const file of task.files) this.inventory.remove(file);
        this.memory.done(task.of, this.nowMs);
        break;
    }
  }

  #snapshot(plan: Extract<KeepingTask, { kind: "snapshot" }>["plan"]): void {
    if (plan.status === "impossible") {
      this.memory.holdOff("snapshot", this.nowMs + 60_000);
      return;
    }
    const bad = plan.status === "merge" ? plan.files.find((file) => this.damaged.has(fileKey(file))) : undefined;
    if (bad !== undefined) {
      this.memory.condemn(bad, "damaged");
      return;
    }
    const maxTXID = plan.status === "merge" ? (plan.files.at(-1)?.maxTXID ?? 0n) : this.txid;
    if (plan.status === "merge" && this.#union(plan.files).size !== this.#databasePages) throw new Error("a snapshot that lacks pages");
    this.#store(SNAPSHOT_LEVEL, 1n, maxTXID, range(this.#databasePages), this.nowMs);
    this.#starts.add(maxTXID + 1n);
    this.memory.done(SNAPSHOT_LEVEL, this.nowMs);
  }

  #checkMerge({ level, files }: Extract<KeepingTask, { kind: "merge" }>): void {
    const newest = this.inventory.level(level).at(-1);
    const first = files[0];
    const follows = newest !== undefined && first?.minTXID === newest.maxTXID + 1n;
    const begins = first !== undefined && this.#mayStart(level, first);
    if (!follows && !begins && (newest !== undefined || level === 1)) throw new Error(`level ${level} must not start at ${first?.minTXID}`);
    for (const [i, file] of files.entries()) {
      if (file.level !== level - 1) throw new Error("not a file of the level below");
      const next = files[i + 1];
      if (next !== undefined && next.minTXID !== file.maxTXID + 1n) throw new Error("a merge with a hole");
    }
  }

  #store(level: number, minTXID: TXID, maxTXID: TXID, pages: ReadonlySet<number>, timeMs: number): void {
    const file = { level, minTXID, maxTXID, size: FILE_BYTES + pages.size * PAGE_BYTES, createdAt: new Date(timeMs) };
    if (this.#pages.has(fileKey(file)) && level !== SNAPSHOT_LEVEL) throw new Error(`${fileKey(file)} is written twice`);
    this.#pages.set(fileKey(file), pages);
    this.#ends.push({ level, txid: maxTXID, atMs: timeMs });
    this.inventory.add(file);
    this.uploadedBytes += file.size;
    this.writes++;
  }

  /** Directly above a snapshot; above level 1, where files end as they do below, with the file that a snapshot ends in. */
  #mayStart(level: number, { minTXID, maxTXID }: LTXFileInfo): boolean {
    if (level <= 1) return this.#starts.has(minTXID);
    return [...this.#starts].some((start) => start >= minTXID && start <= maxTXID);
  }

  #union(files: readonly LTXFileInfo[]): ReadonlySet<number> {
    const all = new Set<number>();
    for (const file of files) for (const page of this.#pages.get(fileKey(file)) ?? []) all.add(page);
    return all;
  }
}

/**
 * Whether the other implementation would restore the newest state: it takes the newest snapshot, then again and again the file of any level that
 * continues what it has and goes furthest, and refuses a file that lies beyond a hole in the end.
 */
export function upstreamRestores(inventory: Inventory, txid: TXID): boolean {
  let reached = inventory.level(SNAPSHOT_LEVEL).at(-1)?.maxTXID ?? 0n;
  for (;;) {
    let best = reached;
    for (const level of ALL_LEVELS.slice(0, 9)) {
      for (const { minTXID, maxTXID } of inventory.level(level)) if (minTXID <= reached + 1n && maxTXID > best) best = maxTXID;
    }
    if (best === reached) break;
    reached = best;
  }
  const beyond = inventory.all().some((file) => file.minTXID > reached + 1n);
  return reached === txid && !beyond;
}

/** Every end that a chain of files leads to. */
function reachable(files: readonly LTXFileInfo[]): ReadonlySet<TXID> {
  const ends: TXID[] = [];
  for (const { minTXID, maxTXID } of [...files].sort((a, b) => Number(a.maxTXID - b.maxTXID))) {
    if (ends.at(-1) === maxTXID) continue;
    if (minTXID === 1n || ends.findLast((end) => end >= minTXID - 1n && end < maxTXID) !== undefined) ends.push(maxTXID);
  }
  return new Set(ends);
}

function range(count: number): ReadonlySet<number> {
  return new Set(Array.from({ length: count }, (_, i) => i));
}
