import { rmSync, statSync } from "node:fs";
import type { TXID } from "@ls/ltx";
import { FileOutput } from "../restore/file-output.js";
import { checkIntegrity } from "../restore/integrity.js";
import { restoreTo } from "../restore/restore-to.js";
import { identify } from "../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import type { EventSink } from "./events.js";
import { HashingSink, teeSinks } from "./hashing-sink.js";
import { DatabaseLock } from "./lock.js";
import { MetaDirectory } from "./meta-directory.js";
import type { ResolvedDBOptions } from "./options.js";
import { PageTable } from "./page-table.js";
import { savePageTable } from "./page-table-file.js";
import { remotePosition, remoteTimestampMs } from "./remote-position.js";

/** What `ensureExists()` found or did. */
export type EnsureExistsResult = "present" | "restored" | "no-backup";

/** Mode of a restored database. */
const RESTORED_MODE = 0o600;

export interface EnsureExistsContext {
  readonly options: ResolvedDBOptions;
  readonly driver: () => SQLiteDriver;
  readonly events: EventSink;
  readonly signal: AbortSignal | undefined;
}

/**
 * Restores a database that does not exist, and leaves position and page table beside it: the next cut continues the destination.
 *
 * Order matters. What an earlier database of that name left in the meta directory is forgotten only when the new one is complete and
 * checked, and before it gets its name; the page table comes last. A process that dies in between leaves no database, or one without a
 * position, which is compared with the destination when it is attached.
 */
export async function ensureExists({ options, driver, events, signal }: EnsureExistsContext): Promise<EnsureExistsResult> {
  const { settings, replica } = options;
  const { path } = settings;
  const { client } = replica;
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) return "present";
  const remote = await remotePosition(client, { patient: true, signal });
  if (remote.txid === 0n) return "no-backup";

  const sqlite = driver();
  const meta = new MetaDirectory(settings.metaPath, { mode: RESTORED_MODE, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
  const output = new FileOutput(path, (temp) => {
    checkIntegrity((file) => sqlite.open(file, { readonly: true }), temp, "quick");
    forgetEarlierDatabase(meta, remote.txid, events);
  });
  meta.create();
  const lock = DatabaseLock.acquire(sqlite, meta.lockPath, meta.owner);
  try {
    meta.sweepTemp();
    const hashes = new HashingSink();
    const result = await restoreTo(client, teeSinks(output, hashes), { signal });
    for (const { level, minTXID, maxTXID, reason } of result.damaged) {
      events.emit({ type: "warning", code: "LS_LTX_CORRUPTED", message: `level ${level}, TXIDs ${minTXID} to ${maxTXID}, was planned around: ${reason}` });
    }
    const identity = identify(path);
    // Below the destination's newest TXID (its file is damaged) there is no position to go on from: the database is adopted instead.
    if (result.txid >= remote.txid && identity !== undefined) {
      const timestampMs = result.txid === remote.txid ? await remoteTimestampMs(client, remote, { signal }) : result.timestamp.getTime();
      savePageTable(meta.pageTablePath, PageTable.from(hashes.hashes()), { txid: result.txid, timestampMs, identity }, meta.owner);
    }
    events.emit({ type: "restored", txid: result.txid, timestamp: result.timestamp });
    return "restored";
  } finally {
    lock.release();
  }
}

function forgetEarlierDatabase(meta: MetaDirectory, remoteTXID: TXID, events: EventSink): void {
  const staged = meta.listStaged();
  const lost = staged.filter(({ txid }) => txid > remoteTXID);
  if (lost.length > 0) {
    const message = `the earlier database of this name left ${lost.length} files from TXID ${lost[0]?.txid} on that never reached the destination; they are dropped`;
    events.emit({ type: "warning", code: "LS_NOT_DURABLE", message });
  }
  for (const { txid } of staged) meta.removeStaged(txid);
  rmSync(meta.pageTablePath, { force: true });
}
