import { mkdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, type LTXFileInfo, Replica, Store, type StoreEvent, type StoreOptions } from "@ls/core";
import { type DatabaseModel, modelOfLive, replicaFiles, tempDir, UpstreamDaemon, type Writer } from "@ls/testkit";
import Database from "better-sqlite3";
import { isBeingDeleted } from "./replica-files.js";
import { cutOf } from "./upstream-writes.js";

const WORKER = new URL("../../packages/core/test/source-worker.mjs", import.meta.url);
const FAST: StoreOptions = {
  levels: [
    { level: 1, intervalMs: 300 },
    { level: 2, intervalMs: 1500 },
  ],
  snapshotIntervalMs: 2500,
  snapshotRetentionMs: 6000,
  l0RetentionMs: 500,
};

/** Between two cuts: what takes time is the keeping, and more cuts would only take a core from it. */
const PAUSE_MS = 20;

/** A database and its destination, kept by one side or the other while somebody writes. The state of every cut is remembered. */
export class KeptSite implements AsyncDisposable {
  readonly dir: ReturnType<typeof tempDir> = tempDir("k");
  readonly path: string;
  readonly replicaPath: string;
  readonly client: FileReplicaClient;
  readonly models: Map<bigint, DatabaseModel> = new Map();
  readonly events: StoreEvent[] = [];
  readonly #host: "worker" | "inline";

  /** @param host where our side works. */
  constructor(host: "worker" | "inline" = "inline") {
    this.#host = host;
    this.path = this.dir.file("a.db");
    this.replicaPath = this.dir.file("replica");
    mkdirSync(this.replicaPath);
    this.client = new FileReplicaClient({ path: this.replicaPath });
  }

  /** Our Store, at work until it is closed. */
  async open(settings: StoreOptions): Promise<{ readonly db: DB; readonly store: Store }> {
    const db = new DB(this.path, { replica: new Replica(this.client, { syncIntervalMs: 50 }), driver: Database, host: this.#host, workerURL: WORKER });
    const store = new Store([db], { ...settings, onEvent: (event) => this.events.push(event) });
    await store.open();
    return { db, store };
  }

  /** Our Store at work for so long, with a writer in another process. */
  async keep(writer: Writer, ms: number, settings: StoreOptions = FAST): Promise<void> {
    const { db, store: opened } = await this.open(settings);
    await using store = opened;
    const end = Date.now() + ms;
    while (Date.now() < end) {
      await writer.step(2);
      this.models.set(await db.syncAndWait(), modelOfLive(this.path));
      await sleep(PAUSE_MS);
    }
    await store.close();
  }

  async keepByUpstream(binary: string, writer: Writer, ms: number): Promise<void> {
    const levels = { levelIntervals: ["1s", "2s"], snapshotInterval: "2s", l0Retention: "500ms" };
    await using daemon = await UpstreamDaemon.start(binary, this.dir.file("u"), [{ path: this.path, replicaPath: this.replicaPath }], levels);
    const end = Date.now() + ms;
    while (Date.now() < end) {
      await writer.step(1);
      const { txid, model } = await cutOf(daemon, this.path);
      this.models.set(txid, model);
    }
    await daemon.stop();
  }

  async files(): Promise<LTXFileInfo[]> {
    const files: LTXFileInfo[] = [];
    for (let level = 0; level <= 9; level++) for await (const file of this.client.ltxFiles(level)) files.push(file);
    return files;
  }

  /** The known states that lie at the end of a file above the oldest snapshot, or are one: what the settings promise. */
  async promised(): Promise<Map<bigint, DatabaseModel>> {
    const files = await this.files();
    const snapshots = files.filter((file) => file.level === 9).sort((a, b) => Number(a.maxTXID - b.maxTXID));
    const oldest = snapshots[0]?.maxTXID ?? 0n;
    const ends = new Set(
      files
        .filter((file) => !isBeingDeleted(file, files))
        .map((file) => file.maxTXID)
        .filter((txid) => txid >= oldest),
    );
    return new Map([...this.models].filter(([txid]) => ends.has(txid)));
  }

  get trouble(): StoreEvent[] {
    return this.events.filter((event) => ["keeping-failed", "damaged-file", "failed", "open-failed"].includes(event.type));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dir[Symbol.dispose]();
  }
}

/** Files that a destination holds in one level. */
export function levelFiles(replicaPath: string, level: number): number {
  return replicaFiles(replicaPath).filter((file) => file.level === level).length;
}
