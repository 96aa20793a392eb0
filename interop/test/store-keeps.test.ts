import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, type LTXFileInfo, Replica, Store, type StoreEvent, type StoreOptions } from "@ls/core";
import { parseLTXFilename } from "@ls/ltx";
import { type DatabaseModel, modelOfLive, tempDir, UpstreamDaemon, upstreamOrSkip, upstreamRestore, Writer, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.js";
import { byUpstream, byUs } from "../src/restores.js";
import { cutOf } from "../src/upstream-writes.js";

const upstream = upstreamOrSkip();

const FAST: StoreOptions = {
  levels: [
    { level: 1, intervalMs: 300 },
    { level: 2, intervalMs: 1500 },
  ],
  snapshotIntervalMs: 2500,
  snapshotRetentionMs: 6000,
  l0RetentionMs: 500,
};

class Site implements AsyncDisposable {
  readonly dir: ReturnType<typeof tempDir> = tempDir("k");
  readonly path: string;
  readonly replicaPath: string;
  readonly client: FileReplicaClient;
  readonly models: Map<bigint, DatabaseModel> = new Map();
  readonly events: StoreEvent[] = [];

  constructor() {
    this.path = this.dir.file("a.db");
    this.replicaPath = this.dir.file("replica");
    mkdirSync(this.replicaPath);
    this.client = new FileReplicaClient({ path: this.replicaPath });
  }

  /** Our Store at work for so long, with a writer in another process. */
  async keep(writer: Writer, ms: number): Promise<void> {
    const db = new DB(this.path, { replica: new Replica(this.client, { syncIntervalMs: 50 }), driver: Database, host: "inline" });
    await using store = new Store([db], { ...FAST, onEvent: (event) => this.events.push(event) });
    await store.open();
    const end = Date.now() + ms;
    while (Date.now() < end) {
      await writer.step(2);
      this.models.set(await db.syncAndWait(), modelOfLive(this.path));
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
    const ends = new Set(files.map((file) => file.maxTXID).filter((txid) => txid >= oldest));
    return new Map([...this.models].filter(([txid]) => ends.has(txid)));
  }

  get trouble(): StoreEvent[] {
    return this.events.filter((event) => ["keeping-failed", "damaged-file", "failed", "open-failed"].includes(event.type));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.dir[Symbol.dispose]();
  }
}

function levelFiles(replicaPath: string, level: number): number {
  const directory = join(replicaPath, "ltx", String(level));
  return existsSync(directory) ? readdirSync(directory).filter((name) => parseLTXFilename(name) !== undefined).length : 0;
}

describe.skipIf(upstream === undefined)("a replica that was kept", () => {
  const binary = upstream ?? "";

  it("restores at every promised point by either, and by time", { timeout: 120_000 }, async () => {
    await using site = new Site();
    await using writer = await Writer.start({ path: site.path, seed: 41, workload: "mixed", pageSize: 1024 });
    await writer.step(5);
    await site.keep(writer, 8000);
    expect(site.trouble).toEqual([]);
    expect(levelFiles(site.replicaPath, 0)).toBeLessThan(60);
    for (const level of [1, 2, 9]) expect(levelFiles(site.replicaPath, level), `level ${level}`).toBeGreaterThan(1);
    const known = [{ name: "kept", replicaPath: site.replicaPath, models: await site.promised() }];
    const ours = await judge(known, site.dir.path, 2, byUs);
    expect(ours.faults).toEqual([]);
    expect(ours.restored).toBeGreaterThan(15);
    expect((await judge(known, site.dir.path, 2, byUpstream(binary))).faults).toEqual([]);
    const newest = site.dir.file("newest.db");
    expect(await upstreamRestore(binary, site.replicaPath, newest)).toMatchObject({ exitCode: 0 });
    const byTime = site.dir.file("time.db");
    const times = (await site.files()).filter((file) => file.level === 1).map((file) => file.createdAt.getTime());
    const middle = new Date(times[Math.floor(times.length * 0.8)] ?? 0);
    expect(await upstreamRestore(binary, site.replicaPath, byTime, { timestamp: new Date(middle.getTime() + 1) })).toMatchObject({ exitCode: 0 });
  });

  it("goes from one to the other and back, three times over, in the middle of being kept", { timeout: 180_000 }, async () => {
    await using site = new Site();
    await using writer = await Writer.start({ path: site.path, seed: 42, workload: "mixed", pageSize: 1024, checkpoints: false });
    await writer.step(3);
    for (let round = 0; round < 3; round++) {
      await site.keep(writer, 3500);
      expect(site.trouble).toEqual([]);
      await site.keepByUpstream(binary, writer, 4500);
    }
    await site.keep(writer, 3000);
    expect(site.trouble).toEqual([]);
    await waitFor("compaction by both", 1000, () => levelFiles(site.replicaPath, 2) > 0, 100);
    const known = [{ name: "handed over", replicaPath: site.replicaPath, models: await site.promised() }];
    const ours = await judge(known, site.dir.path, 2, byUs);
    expect(ours.faults).toEqual([]);
    expect(ours.restored).toBeGreaterThan(10);
    expect((await judge(known, site.dir.path, 2, byUpstream(binary))).faults).toEqual([]);
  });
});
