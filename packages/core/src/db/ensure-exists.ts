import { statSync } from "node:fs";
import { FileOutput } from "../restore/file-output.js";
import { checkIntegrity } from "../restore/integrity.js";
import { restoreTo } from "../restore/restore-to.js";
import { identify } from "../sqlite/borrowed-files.js";
import type { SQLiteDriver } from "../sqlite/driver.js";
import type { EventSink } from "./events.js";
import { HashingSink, teeSinks } from "./hashing-sink.js";
import { forgetLeftBehind, uploadLeftBehind } from "./left-behind.js";
import { DatabaseLock } from "./meta/lock.js";
import { MetaDirectory } from "./meta/meta-directory.js";
import { PageTable } from "./meta/page-table.js";
import { savePageTable } from "./meta/page-table-file.js";
import type { ResolvedDBOptions } from "./options.js";
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
 * Order matters. What an earlier database of that name left in the meta directory and never reached the destination is uploaded first, so that
 * the newest state holds it. It is forgotten only when the new database is complete and checked, and before that gets its name; the page table
 * comes last. A process that dies in between leaves no database, or one without a position, which is compared with the destination when it
 * is attached.
 */
export async function ensureExists({ options, driver, events, signal }: EnsureExistsContext): Promise<EnsureExistsResult> {
  const { settings, client } = options;
  const { path } = settings;
  if (isThere(path)) return "present";
  let remote = await remotePosition(client, { patient: true, signal });
  const meta = new MetaDirectory(settings.metaPath, { mode: RESTORED_MODE, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
  if (remote.txid === 0n && !meta.hasStaged()) return "no-backup";

  const sqlite = driver();
  await meta.create();
  const lock = DatabaseLock.acquire(sqlite, meta.lockPath, meta.owner);
  try {
    // Whoever held the lock until now may have done all of this.
    if (isThere(path)) return "present";
    meta.sweepTemp();
    const context = { path, client, meta, events, signal };
    const leftBehind = await uploadLeftBehind(context, remote.txid);
    if (leftBehind.uploaded > 0) remote = await remotePosition(client, { patient: true, signal });
    if (remote.txid === 0n) {
      forgetLeftBehind(context, leftBehind);
      return "no-backup";
    }
    const output = new FileOutput(path, (temp) => {
      checkIntegrity((file) => sqlite.open(file, { readonly: true }), temp, "quick");
      forgetLeftBehind(context, leftBehind);
    });
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

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
