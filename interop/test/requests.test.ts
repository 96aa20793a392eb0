import { existsSync, readFileSync } from "node:fs";
import { type S3Options, S3ReplicaClient } from "@ls/backend-s3/client";
import { DB, Replica, Store, type StoreEvent } from "@ls/core";
import { restore } from "@ls/core/restore";
import { FaultProxy, modelOf, modelOfLive, type S3Server, startVersitygw, tempDir, versitygwOrSkip } from "@ls/testkit";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { MovedTime } from "../src/moved-time.js";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const binary = versitygwOrSkip();

/** What the Go program makes in an hour with a commit a second, with its defaults. */
const UPSTREAM_REQUESTS = 5112;

/** A database with every default but the engine's thread, so that its time can be moved; kept by a Store in a bucket behind a proxy that counts, and what an application does to it. */
class Site implements AsyncDisposable {
  readonly #dir = tempDir("requests");
  readonly path = this.#dir.file("a.db");
  readonly #app = new Database(this.path);
  readonly #insert;
  readonly db: DB;
  store: Store | undefined;
  readonly events: StoreEvent[] = [];
  readonly #place: S3Options;
  readonly #onEvent = (event: StoreEvent): void => void this.events.push(event);

  constructor(server: S3Server, proxy: FaultProxy, place: string) {
    this.#app.pragma("journal_mode = WAL");
    this.#app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)");
    this.#insert = this.#app.prepare("INSERT INTO t (v) VALUES (randomblob(100))");
    const { bucket, accessKeyId, secretAccessKey } = server;
    this.#place = { bucket, path: place, endpoint: proxy.endpoint, accessKeyId, secretAccessKey };
    this.db = new DB(this.path, { replica: new Replica(new S3ReplicaClient(this.#place)), driver: Database, host: "inline", onEvent: this.#onEvent });
  }

  async keep(): Promise<Store> {
    this.store = new Store([this.db], { onEvent: this.#onEvent });
    await this.store.open();
    return this.store;
  }

  commit(): void {
    this.#insert.run();
  }

  count(type: StoreEvent["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Events that tell of something wrong. */
  get trouble(): StoreEvent[] {
    return this.events.filter(({ type }) => /fail|damaged|warning|detached|relisted|paused/.test(type));
  }

  /** What a restore makes of the replica is what the application sees. */
  async expectRestorable(): Promise<void> {
    const outputPath = this.#dir.file("restored.db");
    await restore(new S3ReplicaClient(this.#place), { outputPath });
    expect(modelOf(readFileSync(outputPath))).toEqual(modelOfLive(this.path));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const open of [this.store, this.db]) await open?.close({ signal: AbortSignal.abort() }).catch(() => {});
    this.#app.close();
    this.#dir[Symbol.dispose]();
  }
}

/** Requests by kind, those that never came left out. */
function counted(proxy: FaultProxy): Record<string, number> {
  return Object.fromEntries(proxy.counts);
}

describe.skipIf(binary === undefined)("requests to S3", () => {
  let server: S3Server;
  let proxy: FaultProxy;

  beforeAll(async () => {
    // In memory where there is such a place: what is counted does not depend on the disk, and an hour writes every file three times.
    if (existsSync("/dev/shm")) vi.stubEnv("TMPDIR", "/dev/shm");
    server = await startVersitygw(binary ?? "");
    proxy = await FaultProxy.start(server);
  }, 60_000);
  afterAll(async () => {
    await proxy?.stop();
    await server?.stop();
    vi.unstubAllEnvs();
  }, 60_000);

  it("a commit a second for an hour: a PUT each and one for each merge, no GET of level 0, no LIST; once that has settled, nothing at all", {
    timeout: 450_000,
  }, async () => {
    await using site = new Site(server, proxy, "hour");
    {
      using time = new MovedTime(() => proxy.underWay > 0);
      const store = await site.keep();
      await site.db.syncAndWait();
      // The first snapshot; and whether the service refuses to overwrite has been asked.
      await time.pass(MINUTE_MS);
      proxy.resetCounts();
      for (let second = 0; second < 3600; second++) {
        site.commit();
        await time.pass(1000);
      }
      const hour = counted(proxy);
      console.log(`requests of an hour with a commit a second: ${JSON.stringify(hour)}`);
      expect(site.trouble).toEqual([]);
      // No two commits share a cut, or the bound would be met by doing less.
      expect(site.count("uploaded")).toBe(1 + 3600);
      // Levels 1 to 3 every 30 s, 5 min and 1 h; an hour touches one window more of each than it holds.
      expect(hour.put).toBeGreaterThanOrEqual(3600);
      expect(hour.put).toBeLessThanOrEqual(3600 + 121 + 13 + 2);
      expect(hour.list).toBeUndefined();
      // Level 0 is merged from what still lies beside the database. Read are the files of levels 1 and 2, each once, and a look whether deleted ones are gone.
      expect(hour.get).toBeLessThanOrEqual(121 + 13 + 4);
      // Nor anything else but deleting what was merged, many keys at a time.
      expect(Object.keys(hour).sort()).toEqual(["delete-many", "get", "put"]);
      expect(Object.values(hour).reduce((sum, count) => sum + count, 0)).toBeLessThan(UPSTREAM_REQUESTS);

      await time.pass(2 * HOUR_MS);
      expect(store.status().databases[0]?.replication.phase).toBe("resting");
      proxy.resetCounts();
      await time.pass(10 * MINUTE_MS);
      expect(counted(proxy)).toEqual({});
      expect(site.trouble).toEqual([]);
      await store.close();
    }
    await site.expectRestorable();
  });

  it("a Store that is closed and opened again lists the levels once, and goes on where it was", { timeout: 120_000 }, async () => {
    await using site = new Site(server, proxy, "reopened");
    {
      using time = new MovedTime(() => proxy.underWay > 0);
      const workAMinute = async (): Promise<void> => {
        for (let second = 0; second < 60; second++) {
          site.commit();
          await time.pass(1000);
        }
      };
      const store = await site.keep();
      await workAMinute();
      await store.close();
      const merged = site.count("compacted");
      expect(merged).toBeGreaterThan(0);
      proxy.resetCounts();
      await store.open();
      await site.db.syncAndWait();
      const listed = counted(proxy).list;
      // One for each of the ten levels: none is long.
      expect(listed).toBe(10);
      await workAMinute();
      expect(counted(proxy).list).toBe(listed);
      expect(site.count("compacted")).toBeGreaterThan(merged);
      // The snapshot of the first run is still there, and young.
      expect(site.count("snapshot")).toBe(1);
      await store.close();
    }
    expect(site.trouble).toEqual([]);
    await site.expectRestorable();
  });

  it("1,000 syncAndWait() with something new: a PUT each; with nothing new: nothing", { timeout: 120_000 }, async () => {
    await using site = new Site(server, proxy, "syncs");
    await site.db.open();
    await site.db.syncAndWait();
    proxy.resetCounts();
    for (let i = 0; i < 1000; i++) {
      site.commit();
      await site.db.syncAndWait();
    }
    console.log(`requests of 1,000 syncAndWait(): ${JSON.stringify(counted(proxy))}`);
    expect(counted(proxy)).toEqual({ put: 1000 });
    proxy.resetCounts();
    for (let i = 0; i < 1000; i++) await site.db.syncAndWait();
    expect(counted(proxy)).toEqual({});
    await site.db.close();
    expect(site.trouble).toEqual([]);
    await site.expectRestorable();
  });
});
