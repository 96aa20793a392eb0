import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import "@ls/backend-file";
import { DB, formatTXID, fromURL, Replica, type ReplicaClient } from "@ls/core";
import { restore } from "@ls/core/restore";
import Database from "better-sqlite3";
import { Application } from "./application.js";
import { lastBatch } from "./book.js";
import { checkBook } from "./check.js";
import { Progress } from "./progress.js";
import { LiveLine, type Screen } from "./terminal.js";
import { kept, type Outcome, outcomeText } from "./verdict.js";

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

/** Writes, replicates, kills, restores and judges; true when everything acknowledged was found again. */
export async function runDemo({ seconds, writer, screen, wrapClient = (client) => client }: DemoOptions): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "order-book-"));
  const source = join(folder, "order-book.db");
  const url = `file://${join(folder, "replica").replaceAll("\\", "/")}`;
  const line = new LiveLine(screen);
  line.print(`An application writes ${source}; it is replicated to ${url}.`);
  const application = await Application.start(writer, source, Date.now() % 1_000_000, COMMITS_PER_SECOND);
  let good = false;
  try {
    const acknowledged = await replicateAndKill({ application, source, client: wrapClient(fromURL(url)), seconds, line });
    const outcome = await restoreAndCheck(url, join(folder, "restored.db"), acknowledged);
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
}

/** Returns how many commits had been acknowledged when the application was killed. */
async function replicateAndKill({ application, source, client, seconds, line }: Scene): Promise<number> {
  const progress = new Progress();
  await using db = new DB(source, { replica: new Replica(client), onEvent: (event) => progress.onEvent(event) });
  const reader = new Database(source, { readonly: true });
  try {
    await db.open();
    const end = performance.now() + seconds * 1000;
    let acknowledged = 0;
    while (performance.now() < end) {
      const committed = lastBatch(reader);
      await db.syncAndWait();
      acknowledged = committed;
      line.update(`${progress.text} · ${acknowledged} commits acknowledged`);
      await sleep(ACKNOWLEDGE_EVERY_MS);
    }
    await application.killMidTransaction();
    line.print(`Killed the application inside a transaction; ${lastBatch(reader)} commits were finished, ${acknowledged} of them acknowledged.`);
    return acknowledged;
  } finally {
    reader.close();
  }
}

async function restoreAndCheck(url: string, outputPath: string, acknowledged: number): Promise<Outcome> {
  const started = performance.now();
  const { txid } = await restore(url, { outputPath, integrityCheck: "quick", driver: Database });
  const restoreMs = performance.now() - started;
  const restored = new Database(outputPath, { readonly: true });
  try {
    return { acknowledged, restored: checkBook(restored), restoreMs, txid: formatTXID(txid) };
  } finally {
    restored.close();
  }
}
