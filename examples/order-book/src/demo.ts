import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import "@ls/backend-file";
import { DB, formatTXID, fromURL, Replica, type ReplicaClient, Store } from "@ls/core";
import { restore } from "@ls/core/restore";
import Database from "better-sqlite3";
import { Acknowledgements } from "./acknowledgements.js";
import { Application } from "./application.js";
import { lastBatch } from "./book.js";
import { checkBook } from "./check.js";
import { KeepingTally, type LevelContents, levelsText, listLevels, SHORT_INTERVALS } from "./keeping.js";
import { Progress } from "./progress.js";
import { LiveLine, type Screen } from "./terminal.js";
import { kept, outcomeText, type Restored } from "./verdict.js";

const COMMITS_PER_SECOND = 300;
/** How often commits are acknowledged; between two, the replica keeps its own pace. */
const ACKNOWLEDGE_EVERY_MS = 250;

export interface DemoOptions {
  /** How long the writer writes before it is killed. */
  readonly seconds: number;
  /** The built writer program. */
  readonly writer: URL;
  readonly screen: Screen;
  /** Wraps the storage client, for tests of what the verdict catches. */
  readonly wrapClient?: (client: ReplicaClient) => ReplicaClient;
}

/** Writes, replicates, keeps, kills, restores and judges; true when everything acknowledged was found again. */
export async function runDemo({ seconds, writer, screen, wrapClient = (client) => client }: DemoOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "order-book-"));
  const source = join(folder, "order-book.db");
  const url = `file://${join(folder, "replica").replaceAll("\\", "/")}`;
  const line = new LiveLine(screen);
  line.print(`An application writes ${source}; it is replicated to ${url}.`);
  const application = await Application.start(writer, source, Date.now() % 1_000_000, COMMITS_PER_SECOND);
  let good = false;
  try {
    const tally = new KeepingTally();
    const acknowledgements = await replicateAndKill({ application, source, client: wrapClient(fromURL(url)), seconds, line, tally });
    const levels = await listLevels(fromURL(url));
    const newest = await restoreAndCheck(url, join(folder, "restored.db"));
    const asOf = halfWay(levels, newest.timestamp);
    const earlier = await restoreAndCheck(url, join(folder, "earlier.db"), asOf);
    const outcome = {
      acknowledged: acknowledgements.commits,
      newest,
      earlier: { ...earlier, asOf, acknowledged: acknowledgements.at(earlier.timestamp.getTime()) },
      keeping: tally.rows(levels),
    };
    line.print(outcomeText(outcome));
    good = kept(outcome);
    line.print(good ? "Nothing that was acknowledged is lost." : `FAILED: what was acknowledged is not all there. The files are kept in ${folder}.`);
    return good;
  } finally {
    await application.kill();
    if (good) await rm(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly application: Application;
  readonly source: string;
  readonly client: ReplicaClient;
  readonly seconds: number;
  readonly line: LiveLine;
  readonly tally: KeepingTally;
}

/** Returns what had been acknowledged when the application was killed. */
async function replicateAndKill({ application, source, client, seconds, line, tally }: Scene): Promise<Acknowledgements> {
  const progress = new Progress();
  const db = new DB(source, { replica: new Replica(client), onEvent: (event) => progress.onEvent(event) });
  await using store = new Store([db], { ...SHORT_INTERVALS, onEvent: (event) => tally.onEvent(event) });
  const reader = new Database(source, { readonly: true });
  try {
    await store.open();
    const end = performance.now() + seconds * 1000;
    const acknowledgements = new Acknowledgements();
    while (performance.now() < end) {
      const committed = lastBatch(reader);
      await db.syncAndWait();
      acknowledgements.add(committed, Date.now());
      line.update(`${progress.text} · ${levelsText(store.status().databases[0]?.keeping)} · ${committed} commits acknowledged`);
      await sleep(ACKNOWLEDGE_EVERY_MS);
    }
    await application.killMidTransaction();
    const { commits } = acknowledgements;
    line.print(`Killed the application inside a transaction; ${lastBatch(reader)} commits were finished, ${commits} of them acknowledged.`);
    return acknowledgements;
  } finally {
    reader.close();
  }
}

/** A moment between the oldest snapshot, above which every kept file end can be restored, and the newest state. */
function halfWay(levels: readonly LevelContents[], newest: Date): Date {
  const oldest = levels.findLast(({ files }) => files > 0)?.oldest ?? newest;
  return new Date(Math.round((oldest.getTime() + newest.getTime()) / 2));
}

/** Restores the newest state, or that of a moment, and looks over every row. */
async function restoreAndCheck(url: string, outputPath: string, timestamp?: Date): Promise<Restored & { readonly timestamp: Date }> {
  const started = performance.now();
  const moment = timestamp === undefined ? {} : { timestamp };
  const result = await restore(url, { ...moment, outputPath, integrityCheck: "quick", driver: Database });
  const ms = performance.now() - started;
  const restored = new Database(outputPath, { readonly: true });
  try {
    return { book: checkBook(restored), txid: formatTXID(result.txid), timestamp: result.timestamp, ms };
  } finally {
    restored.close();
  }
}
