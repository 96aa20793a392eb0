import { setTimeout as sleep } from "node:timers/promises";
import "@ls/backend-file";
import { DB, type DBEventBody, formatTXID, fromURL, type NotReadyReason, Replica } from "@ls/core";
import { Progress } from "./progress.js";
import { bytesText, LiveLine, type Screen } from "./terminal.js";

export interface ReplicateOptions {
  /** Absolute path. */
  readonly database: string;
  readonly url: string;
  readonly screen: Screen;
  /** Aborted when the user wants to end it. */
  readonly stop: AbortSignal;
}

/** Replicates one database until `stop`, then waits until all of it is at the destination. */
export async function replicateUntilStopped({ database, url, screen, stop }: ReplicateOptions): Promise<void> {
  const line = new LiveLine(screen);
  const progress = new Progress();
  const db = new DB(database, {
    replica: new Replica(fromURL(url)),
    onEvent: (event) => {
      progress.onEvent(event);
      const text = eventText(event, database);
      if (text !== undefined) line.print(text);
    },
  });
  await db.open();
  line.print(`Replicating ${database} to ${url}; Ctrl-C ends it.`);
  try {
    while (!stop.aborted) {
      line.update(progress.text);
      await sleep(250, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    line.print("Closing: the last commits are sent …");
    await db.close();
  }
  line.print(`Everything is at the destination. ${progress.text}`);
}

/** What the user should read; `undefined` for the everyday. */
export function eventText(event: DBEventBody, database: string): string | undefined {
  switch (event.type) {
    case "phase":
      return event.reason === undefined ? undefined : waitingText(event.reason, database);
    case "attached":
      return `Replication goes on from TXID ${formatTXID(event.txid)} (${event.by}: ${event.reason}).`;
    case "adopted":
      return `The destination held TXIDs up to ${formatTXID(event.remoteTXID)} of another run; replication goes on above them.`;
    case "attach-failed":
    case "upload-failed":
      return `${event.error.code}: ${event.error.message}; trying again at ${event.nextRetryAt.toISOString()}`;
    case "recovered":
      return `The destination works again, after ${event.failures} failures.`;
    case "paused":
      return `Paused: ${event.reason}, ${bytesText(event.stagedBytes)} wait to be sent.`;
    case "reader-blocks-checkpoint":
      return `A long read transaction keeps the WAL from being folded: ${bytesText(event.walBytes)}.`;
    case "warning":
      return `Warning ${event.code}: ${event.message}`;
    case "failed":
      return `Stopped, ${event.error.code}: ${event.error.message}`;
    default:
      return undefined;
  }
}

function waitingText(reason: NotReadyReason, database: string): string {
  switch (reason) {
    case "not-wal":
      return `${database} is not in WAL mode. Replication begins once you have run:\n  sqlite3 '${database}' 'PRAGMA journal_mode = WAL'`;
    case "absent":
      return `Waiting for ${database} to be created.`;
    case "empty":
      return `Waiting: ${database} is empty.`;
    case "locked-exclusive":
      return `Waiting: another process has locked ${database} (locking_mode = EXCLUSIVE).`;
    case "unsupported":
      return `${database} cannot be replicated as it is.`;
  }
}
