import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeLTX, type LTXHeader, type TXID } from "@ls/ltx";
import Database from "better-sqlite3";
import { defaultMetaPath } from "../src/db/meta/meta-directory.js";
import type { EngineEvent, EngineHost, EngineOp, EngineRequests, EngineSettings } from "../src/db/protocol.js";
import type { SQLiteDriver } from "../src/sqlite/driver.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { createInlineHost } from "../src/worker/inline-host.js";

/** A directory that is removed when the test ends. */
export function tempDirectory(): { readonly path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "ls-core-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 40_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`timed out waiting until ${what}`);
    await sleep(5);
  }
}

export function settingsFor(path: string, changes: Partial<EngineSettings> = {}): EngineSettings {
  return {
    path,
    metaPath: defaultMetaPath(path),
    syncIntervalMs: 1000,
    monitorIntervalMs: 1000,
    checkpointIntervalMs: 60_000,
    minCheckpointPages: 1000,
    maxWalBytes: 64 * 1024 * 1024,
    checkpointBarrier: "emergency",
    maxStagedBytes: 1024 ** 3,
    restAfterMs: 0,
    localCopyMs: 0,
    maxLocalCopyBytes: 64 * 1024 * 1024,
    ...changes,
  };
}

/** An engine on this thread, and everything it said. */
export class TestEngine {
  readonly settings: EngineSettings;
  readonly events: EngineEvent[] = [];
  readonly host: EngineHost;

  constructor(path: string, changes: Partial<EngineSettings> = {}, driver: SQLiteDriver = resolveDriver(Database)) {
    this.settings = settingsFor(path, changes);
    this.host = createInlineHost(this.settings, driver, (event) => this.events.push(event));
  }

  ask<Op extends EngineOp>(op: Op, params: EngineRequests[Op]["params"], signal?: AbortSignal): Promise<EngineRequests[Op]["result"]> {
    return this.host.request(op, params, { signal });
  }

  /** Opens and attaches to a destination that holds what is staged up to `remoteTXID`. */
  async start(remoteTXID: TXID = 0n): Promise<EngineRequests["attach"]["result"]> {
    await this.ask("open", undefined);
    return this.ask("attach", { remoteTXID, remoteTimestampMs: 0 });
  }

  async sync(): Promise<TXID> {
    return (await this.ask("sync", undefined)).txid;
  }

  async stop(discard = false): Promise<void> {
    await this.ask("close", { discard });
  }

  of<T extends EngineEvent["type"]>(type: T): Extract<EngineEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<EngineEvent, { type: T }> => event.type === type);
  }
}

/** A destination in memory: applies level-0 files in order, as a restore would. */
export class TestReplica {
  readonly headers: LTXHeader[] = [];
  #pages = new Map<number, Uint8Array>();
  #pageSize = 0;
  #commit = 0;

  get txid(): TXID {
    return this.headers.at(-1)?.maxTXID ?? 0n;
  }

  /** Takes every level-0 file of the meta directory that is newer than what is held, up to `last`. */
  async pull(settings: EngineSettings, last: TXID = 2n ** 64n): Promise<void> {
    const directory = join(settings.metaPath, "ltx", "0");
    for (const name of readdirSync(directory).sort()) {
      const txid = BigInt(`0x${name.slice(0, 16)}`);
      if (!name.endsWith(".ltx") || txid <= this.txid || txid > last) continue;
      await this.apply(readFileSync(join(directory, name)));
    }
  }

  async apply(bytes: Uint8Array): Promise<void> {
    const source = (async function* () {
      yield bytes;
    })();
    let header: LTXHeader | undefined;
    const pages: [number, Uint8Array][] = [];
    for await (const { pgnos, count, data } of decodeLTX(source, { onHeader: (h) => (header = h) })) {
      const pageSize = header?.pageSize ?? 0;
      for (let i = 0; i < count; i++) pages.push([pgnos[i] ?? 0, data.slice(i * pageSize, (i + 1) * pageSize)]);
    }
    if (header === undefined) throw new Error("no header");
    if (header.minTXID !== this.txid + 1n) throw new Error(`TXID ${header.minTXID} after ${this.txid}`);
    if (pages.length === 0) throw new Error("a level-0 file without pages");
    this.headers.push(header);
    this.#pageSize = header.pageSize;
    this.#commit = header.commit;
    for (const [pgno, data] of pages) this.#pages.set(pgno, data);
    for (const pgno of this.#pages.keys()) if (pgno > header.commit) this.#pages.delete(pgno);
  }

  /** Restores to a file. */
  writeTo(path: string): void {
    const image = Buffer.alloc(this.#commit * this.#pageSize);
    for (const [pgno, data] of this.#pages) image.set(data, (pgno - 1) * this.#pageSize);
    writeFileSync(path, image);
  }

  /** Numbers of the pages that differ from a database image; a missing page differs. */
  differences(image: Uint8Array): number[] {
    const size = this.#pageSize;
    const differing: number[] = [];
    const count = Math.max(this.#commit, image.length / size);
    for (let pgno = 1; pgno <= count; pgno++) {
      const ours = this.#pages.get(pgno);
      const theirs = image.subarray((pgno - 1) * size, pgno * size);
      if (ours === undefined || Buffer.compare(ours, theirs) !== 0) differing.push(pgno);
    }
    return differing;
  }
}

/** The database as another connection sees it. */
export function imageOf(path: string): Uint8Array {
  const db = new Database(path);
  try {
    return db.serialize();
  } finally {
    db.close();
  }
}

export const walSize = (path: string): number => statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;

export function openWAL(path: string): Database.Database {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  return db;
}

/** Another process that writes; see writer.mjs. */
export function startWriter(
  path: string,
  { seconds, rate = 0, vacuum = 0 }: { seconds: number; rate?: number; vacuum?: number },
): {
  readonly process: ChildProcess;
  /** Resolves with the number of commits. */
  readonly done: Promise<number>;
} {
  const child = spawn(process.execPath, [join(import.meta.dirname, "writer.mjs"), path, String(seconds), String(rate), String(vacuum)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const done = new Promise<number>((resolve) => child.once("exit", () => resolve(Number(output.split("\n")[1] ?? 0))));
  return { process: child, done };
}
