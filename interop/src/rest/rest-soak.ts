import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { firstDifference, integrityProblem, modelOfLive, type Random, Replicator, Writer } from "@ls/testkit";
import { type Home, homeIn } from "../crash/downtime.js";
import type { RestoreOne } from "../judge.js";
import { committedIn } from "../ledger.js";

export interface RestSoakOptions {
  /** Rests to be seen, over all lanes. */
  readonly rests: number;
  /** Databases at a time. */
  readonly lanes: number;
  readonly random: Random;
  readonly directory: string;
  readonly restoreOne: RestoreOne;
  readonly onLife?: ((line: string) => void) | undefined;
}

export interface RestSoakReport {
  readonly rests: number;
  readonly lives: number;
  readonly kills: Readonly<Record<string, number>>;
  readonly compared: number;
  /** Why continuity was lost while the database was awake, and how often; each was repaired. */
  readonly repairs: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** Rounds after which a new database begins: a restore reads every file before it. */
const ROUNDS_PER_LIFE = 40;
/** How long a commit may take to arrive without anybody asking for it: the slow poll, a sync interval, and a loaded machine. */
const ARRIVAL_MS = 30_000;

/**
 * Databases that rest as soon as they may, beside an application that commits, checkpoints, closes and dies at random moments around that time,
 * while the replicator is killed in any state. Whatever was acknowledged is restored and compared page by page; and from time to time nobody asks
 * for anything, and the last commit has to arrive all the same.
 */
export async function restSoak(options: RestSoakOptions): Promise<RestSoakReport> {
  const tally: Tally = { rests: 0, lives: 0, compared: 0, kills: { replicator: 0, writer: 0, "replicator at rest": 0 }, repairs: {}, faults: [] };
  const lane = async (number: number): Promise<void> => {
    const random = options.random.fork(`lane ${number}`);
    while (tally.rests < options.rests && tally.faults.length < 20) {
      const directory = join(options.directory, `${number}-${tally.lives++}`);
      mkdirSync(directory, { recursive: true });
      const before = tally.rests;
      await new Life(homeIn(directory), random, tally, options.restoreOne).run();
      options.onLife?.(`${directory}: ${tally.rests - before} rests meanwhile, ${tally.rests} in all, ${tally.faults.length} faults`);
      if (tally.faults.length === 0) rmSync(directory, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, (_, i) => lane(i)));
  return tally;
}

interface Tally {
  rests: number;
  lives: number;
  compared: number;
  readonly kills: Record<"replicator" | "writer" | "replicator at rest", number>;
  readonly repairs: Record<string, number>;
  readonly faults: string[];
}

class Life {
  readonly #home: Home;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #restoreOne: RestoreOne;
  readonly #restAfterMs: number;
  readonly #pageSize: number;
  #replicator: Replicator | undefined;
  #writer: Writer | undefined;
  #resting = false;
  #round = 0;
  #scratch = 0;
  #did: string[] = [];

  constructor(home: Home, random: Random, tally: Tally, restoreOne: RestoreOne) {
    this.#home = home;
    this.#random = random;
    this.#tally = tally;
    this.#restoreOne = restoreOne;
    this.#restAfterMs = random.pick([10, 10, 50, 150]);
    this.#pageSize = random.pick([1024, 4096, 8192]);
  }

  async run(): Promise<void> {
    try {
      await (await this.#startWriter()).step(3);
      await this.#startReplicator();
      for (this.#round = 0; this.#round < ROUNDS_PER_LIFE; this.#round++) {
        this.#did = [];
        await this.#act();
        await sleep(this.#random.int(0, 2 * this.#restAfterMs + 250));
        await this.#judge();
      }
      await this.#compare("at the end");
      await this.#replicator?.close();
    } catch (error) {
      this.#fault(error instanceof Error ? `${error.message}` : String(error));
    } finally {
      await Promise.all([this.#writer?.kill(), this.#replicator?.kill()]);
    }
  }

  /** One to three things that an application, or the machine, does. */
  async #act(): Promise<void> {
    for (let i = this.#random.int(1, 3); i > 0; i--) {
      const choice = this.#random.int(0, 19);
      const writer = this.#writer ?? (await this.#startWriter());
      if (choice <= 8) {
        this.#did.push("commits");
        await writer.step(this.#random.int(1, 3));
      } else if (choice <= 10) {
        const mode = this.#random.pick(["passive", "full", "restart", "truncate"] as const);
        this.#did.push(mode);
        await writer.act(`checkpoint-${mode}`).catch(() => {});
      } else if (choice === 11) {
        this.#did.push("vacuum");
        await writer.act("vacuum").catch(() => {});
      } else if (choice <= 13) {
        this.#did.push("open transaction");
        await writer.beginOpen();
        await sleep(this.#random.int(0, 300));
        await writer.endOpen(this.#random.chance(0.6));
      } else if (choice <= 15) {
        this.#did.push("close");
        await this.#closeWriter();
      } else if (choice === 16) {
        this.#did.push("writer killed");
        this.#tally.kills.writer++;
        await writer.run(300);
        await sleep(this.#random.int(0, 40));
        await writer.kill();
        this.#writer = undefined;
      } else if (choice === 17) {
        await this.#killReplicator();
      } else if (choice === 18) {
        await this.#visit();
      } else {
        this.#did.push("pause");
        await sleep(this.#random.int(0, 300));
      }
    }
  }

  /** The application opens the database for a few commits only, now and then by one that comes while the ones before are looked at. */
  async #visit(): Promise<void> {
    this.#did.push("visits");
    for (let i = this.#random.int(1, 4); i > 0; i--) {
      await this.#closeWriter();
      await sleep(this.#random.int(0, 2 * this.#restAfterMs + 250));
      await (await this.#startWriter()).step(this.#random.int(1, 2));
    }
    await this.#closeWriter();
  }

  async #closeWriter(): Promise<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    await writer?.close();
    await writer?.kill();
  }

  async #killReplicator(): Promise<void> {
    this.#did.push(this.#resting ? "replicator killed at rest" : "replicator killed");
    this.#tally.kills[this.#resting ? "replicator at rest" : "replicator"]++;
    await this.#replicator?.kill();
    // What is done while nobody looks.
    if (this.#random.chance(0.5)) await (this.#writer ?? (await this.#startWriter())).step(2);
    await this.#startReplicator();
    await this.#compare("after a start");
  }

  async #judge(): Promise<void> {
    const choice = this.#random.int(0, 9);
    if (choice <= 2) await this.#compare("after syncAndWait()");
    else if (choice <= 4) await this.#arrivesByItself();
  }

  /** Everything that is committed is promised, restored and compared. */
  async #compare(when: string): Promise<void> {
    const committed = committedIn(this.#home.path);
    const model = modelOfLive(this.#home.path);
    const txid = (await this.#replicator?.syncAndWait()) ?? 0n;
    const problem = await this.#restore(txid, (output) => {
      if (committedIn(output) < committed) return `${committedIn(output)} transactions, ${committed} acknowledged`;
      return firstDifference(output, model) ?? integrityProblem(output);
    });
    if (problem !== undefined) this.#fault(`${when}, TXID ${txid}: ${problem}`);
  }

  /** Nobody asks for anything: the last commit is at the destination after a while. */
  async #arrivesByItself(): Promise<void> {
    const committed = committedIn(this.#home.path);
    const end = performance.now() + ARRIVAL_MS;
    for (;;) {
      // `as`: what `DB.status()` gives, through structured cloning.
      const status = (await this.#replicator?.status()) as { readonly remoteTXID: bigint; readonly lagMs: number | undefined };
      const found = await this.#restore(status.remoteTXID, (output) => (committedIn(output) >= committed ? undefined : "it is behind"));
      if (found === undefined) return;
      if (performance.now() > end) {
        this.#fault(`transaction ${committed} did not arrive by itself, at TXID ${status.remoteTXID} with lag ${status.lagMs}: ${found}`);
        return;
      }
      await sleep(100);
    }
  }

  async #restore(txid: bigint, judge: (output: string) => string | undefined): Promise<string | undefined> {
    const output = `${this.#home.path}-restored-${this.#scratch++}`;
    this.#tally.compared++;
    try {
      return (await this.#restoreOne(this.#home.replicaPath, output, txid)) ?? judge(output);
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    } finally {
      for (const suffix of ["", "-wal", "-shm"]) if (existsSync(output + suffix)) rmSync(output + suffix);
    }
  }

  async #startWriter(): Promise<Writer> {
    this.#writer = await Writer.start({ path: this.#home.path, seed: this.#random.uint32(), workload: "mixed", pageSize: this.#pageSize });
    return this.#writer;
  }

  async #startReplicator(): Promise<void> {
    this.#resting = false;
    this.#replicator = new Replicator({
      path: this.#home.path,
      replicaPath: this.#home.replicaPath,
      replica: { syncIntervalMs: this.#random.pick([10, 50]) },
      db: {
        host: this.#random.pick(["worker", "inline"]),
        restAfterMs: this.#restAfterMs,
        monitorIntervalMs: this.#random.pick([50, 1000]),
        minCheckpointPages: this.#random.pick([10, 1000]),
      },
      onEvent: (event) => this.#note(event),
    });
    await this.#replicator.open();
  }

  #note(event: unknown): void {
    // `as`: a DBEvent, through structured cloning.
    const { type, ...fields } = event as { readonly type: string; readonly phase?: string; readonly reason?: string };
    if (type === "phase") {
      this.#resting = fields.phase === "resting";
      if (this.#resting) this.#tally.rests++;
    } else if (type === "continued") {
      const reason = fields.reason ?? "";
      this.#tally.repairs[reason] = (this.#tally.repairs[reason] ?? 0) + 1;
    } else if (["detached", "failed", "warning"].includes(type)) {
      this.#fault(`${type}: ${inspect(fields, { breakLength: Number.POSITIVE_INFINITY })}`);
    }
  }

  #fault(text: string): void {
    this.#tally.faults.push(`${this.#home.path}, round ${this.#round} (${this.#did.join(", ")}): ${text}`);
  }
}
