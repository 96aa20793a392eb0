import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isLSError, type LTXFileInfo } from "@ls/core";
import { type RestoreResult, restore } from "@ls/core/restore";
import { type DatabaseModel, firstDifference, integrityProblem, type Random, Writer } from "@ls/testkit";
import { KeptSite } from "../kept-site.js";
import { committedIn } from "../ledger.js";

export interface ThroughRetentionOptions {
  readonly ms: number;
  /** Restores at a time. */
  readonly lanes: number;
  readonly random: Random;
}

export interface ThroughRetentionReport {
  readonly states: number;
  /** Restores that gave a database, by what was asked for. */
  readonly restored: Readonly<Record<Asked, number>>;
  /** Of these, how many could be compared page by page; the others ended between two known states. */
  readonly compared: number;
  /** Restores that were refused because their point is no longer kept, by the error's code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Events of the Store meanwhile, by type. */
  readonly events: Readonly<Record<string, number>>;
  /** Files that retention deleted meanwhile. */
  readonly deleted: number;
  readonly faults: readonly string[];
}

type Asked = "latest" | "txid" | "timestamp";

/** How a restore says that there is no such point (any more). */
const REFUSALS = ["LS_TX_NOT_AVAILABLE", "LS_NO_SNAPSHOTS", "LS_LTX_MISSING"] as const;

/** Restores in a loop while the same destination is written, merged and thinned out at a pace of tenths of a second. */
export async function restoresThroughRetention({ ms, lanes, random }: ThroughRetentionOptions): Promise<ThroughRetentionReport> {
  await using site = new KeptSite();
  await using writer = await Writer.start({ path: site.path, seed: random.uint32(), workload: "mixed", pageSize: 1024 });
  await writer.step(5);
  const restores = new Restores(site);
  let isOver = false;
  const keeping = site.keep(writer, ms, AGGRESSIVE).finally(() => {
    isOver = true;
  });
  const lane = async (number: number): Promise<void> => {
    const own = random.fork(`lane ${number}`);
    while (!isOver) {
      if (site.models.size > 3) await restores.one(own);
      else await sleep(20);
    }
  };
  await Promise.all([keeping, ...Array.from({ length: lanes }, (_, i) => lane(i))]);
  return restores.report();
}

/** Newest states that a restore usually asks for one of, and in how many cases once for any other. */
const RECENT = 60;
const ANY_AGE = 8;

const AGGRESSIVE = {
  levels: [
    { level: 1, intervalMs: 100 },
    { level: 2, intervalMs: 400 },
  ],
  snapshotIntervalMs: 300,
  snapshotRetentionMs: 900,
  l0RetentionMs: 50,
};

class Restores {
  readonly #site: KeptSite;
  readonly #restored: Record<Asked, number> = { latest: 0, txid: 0, timestamp: 0 };
  readonly #refused: Record<string, number> = {};
  readonly #faults: string[] = [];
  #compared = 0;
  #scratch = 0;

  constructor(site: KeptSite) {
    this.#site = site;
  }

  async one(random: Random): Promise<void> {
    const known = [...this.#site.models.keys()];
    const newest = known.at(-1) ?? 0n;
    // Mostly of the newest ones, which are about to be merged or deleted; some are of any age, and most of those are no longer kept.
    const span = random.int(1, ANY_AGE) === 1 ? known.length : Math.min(known.length, RECENT);
    const txid = known[known.length - 1 - Math.floor(random.float() ** 2 * span)] ?? newest;
    const before = await this.#site.files();
    const outputPath = this.#site.dir.file(`restored-${this.#scratch++}.db`);
    try {
      const asked = random.pick(["latest", "txid", "timestamp"] as const);
      const timestamp = before.find((file) => file.maxTXID === txid)?.createdAt;
      if (asked === "latest") await this.#restore(asked, outputPath, {}, ({ txid: found }) => (found >= newest ? undefined : `older than ${newest}`));
      else if (asked === "txid") await this.#byTXID(outputPath, txid, before);
      else if (timestamp !== undefined) await this.#byTime(outputPath, timestamp, txid, before);
    } finally {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(outputPath + suffix, { force: true });
    }
  }

  #byTXID(outputPath: string, txid: bigint, before: readonly LTXFileInfo[]): Promise<void> {
    return this.#restore(
      "txid",
      outputPath,
      { txid },
      (result) => (result.txid === txid ? undefined : `asked for ${txid}`),
      (after) => isPromised(before, txid) && isPromised(after, txid),
    );
  }

  #byTime(outputPath: string, timestamp: Date, txid: bigint, before: readonly LTXFileInfo[]): Promise<void> {
    return this.#restore(
      "timestamp",
      outputPath,
      { timestamp },
      (result) => (result.timestamp <= timestamp ? undefined : `${result.timestamp.toISOString()} is after ${timestamp.toISOString()}`),
      (after) => isPromised(before, txid) && isPromised(after, txid),
    );
  }

  async #restore(
    asked: Asked,
    outputPath: string,
    point: { txid?: bigint; timestamp?: never } | { timestamp: Date },
    isRight: (result: RestoreResult) => string | undefined,
    isPromisedStill: (after: readonly LTXFileInfo[]) => boolean = () => true,
  ): Promise<void> {
    const what = `${asked} ${Object.values(point).map(String).join("")}`;
    let result: RestoreResult;
    try {
      result = await restore(this.#site.client, { outputPath, integrityCheck: "none", ...point });
    } catch (error) {
      const isRefusal = isLSError(error) && REFUSALS.some((code) => error.code === code);
      if (isRefusal && !isPromisedStill(await this.#site.files())) this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1;
      else this.#faults.push(`${what}: ${isLSError(error) ? error.code : ""} ${String(error)}`);
      return;
    }
    this.#restored[asked]++;
    const problem = isRight(result) ?? this.#difference(outputPath, this.#site.models.get(result.txid));
    if (problem !== undefined) this.#faults.push(`${what} gave TXID ${result.txid}: ${problem}`);
  }

  #difference(outputPath: string, model: DatabaseModel | undefined): string | undefined {
    const problem = integrityProblem(outputPath);
    if (problem !== undefined) return problem;
    // Throws when a transaction is missing in the middle.
    committedIn(outputPath);
    if (model === undefined) return undefined;
    this.#compared++;
    return firstDifference(outputPath, model);
  }

  #countEvents(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { type } of this.#site.events) counts[type] = (counts[type] ?? 0) + 1;
    return counts;
  }

  report(): ThroughRetentionReport {
    const deleted = this.#site.events.reduce((sum, event) => sum + (event.type === "retention" ? event.files : 0), 0);
    return {
      states: this.#site.models.size,
      restored: this.#restored,
      compared: this.#compared,
      refused: this.#refused,
      events: this.#countEvents(),
      deleted,
      faults: [
        ...this.#faults,
        ...this.#site.trouble.map((event) => JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value))),
      ],
    };
  }
}

/** Whether a file ends at this TXID, and the oldest snapshot does not end above it. */
function isPromised(files: readonly LTXFileInfo[], txid: bigint): boolean {
  const [oldest = 0n] = files
    .filter(({ level }) => level === 9)
    .map(({ maxTXID }) => maxTXID)
    .sort((a, b) => (a < b ? -1 : 1));
  return txid >= oldest && files.some(({ maxTXID }) => maxTXID === txid);
}
