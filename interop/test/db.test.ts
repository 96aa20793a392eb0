import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { FileReplicaClient } from "@ls/backend-file";
import { DB, type DBEvent, type DBOptions, isLSError, LSError, Replica, type ReplicaClient } from "@ls/core";
import { restore } from "@ls/core/restore";
import { censusDifference, FaultStore, MemoryClient, RequestCounter, type TempDir, takeCensus, tempDir, withDeadline } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";

/** A database in WAL mode with one table; the application's own connection. */
function application(path: string): Database.Database {
  const app = new Database(path);
  app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, body TEXT)");
  return app;
}

function insert(app: Database.Database, body: string): void {
  app.prepare("INSERT INTO note (body) VALUES (?)").run(body);
}

interface Setup extends AsyncDisposable {
  readonly db: DB;
  readonly events: DBEvent[];
  of<T extends DBEvent["type"]>(type: T): Extract<DBEvent, { type: T }>[];
}

function database(path: string, client: ReplicaClient, options: Partial<DBOptions> & { syncIntervalMs?: number } = {}): Setup {
  const events: DBEvent[] = [];
  const { syncIntervalMs = 1000, ...rest } = options;
  const db = new DB(path, { host: "inline", ...rest, replica: new Replica(client, { syncIntervalMs }), onEvent: (event) => events.push(event) });
  return {
    db,
    events,
    // `as`: the filter is the proof.
    of: (type) => events.filter((event) => event.type === type) as never,
    [Symbol.asyncDispose]: () => db.close().catch(() => {}),
  };
}

async function bodies(client: ReplicaClient, outputPath: string): Promise<string[]> {
  await restore(client, { outputPath, integrityCheck: "full", driver: Database });
  const restored = new Database(outputPath, { readonly: true });
  try {
    return restored.prepare("SELECT body FROM note ORDER BY id").pluck().all() as string[]; // `as`: one text column
  } finally {
    restored.close();
    rmSync(outputPath);
  }
}

describe("DB", () => {
  it("[A39] makes everything committed before syncAndWait() durable", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const app = application(dir.file("app.db"));
    insert(app, "before");
    await using setup = database(dir.file("app.db"), client);
    const { db } = setup;
    await db.open();
    insert(app, "after");
    const txid = await db.syncAndWait();
    expect(await bodies(client, dir.file("out.db"))).toEqual(["before", "after"]);
    expect(await db.syncStatus()).toEqual({ localTXID: txid, remoteTXID: txid, inSync: true });
    insert(app, "more");
    expect((await db.syncStatus()).inSync).toBe(false);
    expect(db.status()).toMatchObject({ phase: "replicating", localTXID: txid, remoteTXID: txid });
    await db.close();
    expect(await bodies(client, dir.file("out.db"))).toEqual(["before", "after", "more"]);
    expect(db.status().phase).toBe("closed");
    await expect(db.sync()).rejects.toMatchObject({ code: "LS_NOT_OPEN" });
    app.close();
  });

  it("[M12] waits for a database that is absent, empty, or not in WAL mode, and says which", async () => {
    using dir = tempDir();
    const path = dir.file("app.db");
    const client = new MemoryClient();
    const counter = new RequestCounter(client);
    await using setup = database(path, counter, { monitorIntervalMs: 50 });
    const { db } = setup;
    await db.open();
    expect(db.status()).toMatchObject({ phase: "waiting", reason: "absent" });
    await expect(db.syncAndWait()).rejects.toMatchObject({
      code: "LS_NOT_READY",
      message: `${path} cannot be replicated yet: it does not exist yet`,
      details: { reason: "absent" },
    });
    const app = new Database(path);
    app.exec("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)");
    await expect(db.syncAndWait()).rejects.toMatchObject({
      code: "LS_NOT_READY",
      message: `${path} cannot be replicated yet: it is not in WAL mode; run PRAGMA journal_mode = WAL on it`,
      details: { reason: "not-wal", pragma: "PRAGMA journal_mode = WAL" },
    });
    expect(counter.total).toBe(0);
    app.exec("PRAGMA journal_mode = WAL");
    insert(app, "first");
    // At once, without waiting for the next look.
    await db.syncAndWait();
    expect(await bodies(client, dir.file("out.db"))).toEqual(["first"]);
    app.close();
  });

  it("[C12, H4] makes a commit durable that is followed by close() at once", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    await using setup = database(dir.file("app.db"), client);
    const opening = setup.db.open();
    const app = application(dir.file("app.db"));
    insert(app, "quick");
    await Promise.all([setup.db.close(), setup.db.close(), opening]);
    await setup.db.close();
    expect(await bodies(client, dir.file("out.db"))).toEqual(["quick"]);
    app.close();
  });

  it("[C12, H4] makes a commit durable that is made while close() uploads the last one before it", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    await using setup = database(dir.file("app.db"), store);
    const app = application(dir.file("app.db"));
    await setup.db.open();
    await setup.db.syncAndWait();
    let more = 1;
    store.arm({
      operation: "write",
      fault: { kind: "fail" },
      when: () => {
        if (more-- > 0) insert(app, "meanwhile");
        return false;
      },
    });
    insert(app, "before");
    await setup.db.close();
    expect(await bodies(store, dir.file("out.db"))).toEqual(["before", "meanwhile"]);
    app.close();
  });

  it("goes on after a restart without an image", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const app = application(dir.file("app.db"));
    for (let i = 0; i < 500; i++) insert(app, "x".repeat(500));
    for (let run = 0; run < 4; run++) {
      await using setup = database(dir.file("app.db"), client);
      await setup.db.open();
      insert(app, `run ${run}`);
      await setup.db.close();
      const sizes = setup.of("uploaded").map((event) => event.sizeBytes);
      if (run === 0) expect(Math.max(...sizes)).toBeGreaterThan(5_000);
      else expect(Math.max(...sizes)).toBeLessThan(5_000);
    }
    expect((await bodies(client, dir.file("out.db"))).slice(-4)).toEqual(["run 0", "run 1", "run 2", "run 3"]);
    app.close();
  });

  it("[A40] refuses a second replicator of the same database, and of the same destination", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const app = application(dir.file("app.db"));
    const other = application(dir.file("other.db"));
    await using first = database(dir.file("app.db"), client);
    await first.db.open();
    await using second = database(dir.file("app.db"), new MemoryClient());
    await expect(second.db.open()).rejects.toMatchObject({ code: "LS_LOCKED" });
    await using third = database(dir.file("other.db"), client);
    await expect(third.db.open()).rejects.toMatchObject({ code: "LS_CONFLICT" });
    await first.db.close();
    // Both refusals have released everything.
    await second.db.open();
    app.close();
    other.close();
  });

  it("refuses a second database on one directory, whichever client names it", async () => {
    using dir = tempDir();
    const replicaPath = dir.file("replica");
    const apps = ["one.db", "two.db"].map((name) => application(dir.file(name)));
    await using one = database(dir.file("one.db"), new FileReplicaClient({ path: replicaPath }));
    await using two = database(dir.file("two.db"), new FileReplicaClient({ path: `${replicaPath}/../replica/` }));
    await one.db.open();
    await expect(two.db.open()).rejects.toMatchObject({ code: "LS_CONFLICT" });
    expect(one.db.status().destination).toBe(pathToFileURL(replicaPath).href);
    for (const app of apps) app.close();
  });

  it("[H6] leaves no descriptor, timer or other handle behind, however it ends", async () => {
    using dir = tempDir();
    const store = new FaultStore(new FileReplicaClient({ path: dir.file("replica") }));
    const app = application(dir.file("app.db"));
    const round = async (fail: boolean): Promise<void> => {
      if (fail) store.arm({ operation: "write", fault: { kind: "hang" } });
      const { db } = database(dir.file("app.db"), store, { shutdownTimeoutMs: fail ? 50 : 5000 });
      await db.open();
      insert(app, "x");
      await db.close().catch((error: unknown) => expect(isLSError(error, "LS_NOT_DURABLE")).toBe(true));
      store.heal();
    };
    // The first rounds map the driver and fill caches.
    for (const fail of [false, true]) await round(fail);
    const before = takeCensus();
    for (let i = 0; i < 10; i++) await round(i % 2 === 1);
    await sleep(50);
    expect(censusDifference(before, takeCensus())).toEqual([]);
    app.close();
  });

  it("tells an observer's exception to the logger, and goes on", async () => {
    using dir = tempDir();
    const lines: string[] = [];
    const log = (message: string): void => void lines.push(message);
    const app = application(dir.file("app.db"));
    const db = new DB(dir.file("app.db"), {
      host: "inline",
      replica: new Replica(new MemoryClient()),
      logger: { debug: () => {}, info: () => {}, warn: log, error: log },
      onEvent: () => {
        throw new Error("observer");
      },
    });
    await db.open();
    await db.syncAndWait();
    await db.close();
    expect(lines).toContain("an event observer threw");
    app.close();
  });
});

describe("a destination that fails", () => {
  const unavailable = new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true });
  const denied = new LSError("LS_STORAGE_DENIED", "credentials refused");

  it("[M8] at open(): status shows it, and attaching goes on by itself", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    store.arm({ operation: "list", fault: { kind: "fail", error: unavailable } });
    const app = application(dir.file("app.db"));
    insert(app, "kept");
    await using setup = database(dir.file("app.db"), store, { syncIntervalMs: 100 });
    const { db } = setup;
    await db.open();
    expect(db.status()).toMatchObject({ phase: "retrying", lastError: { code: "LS_STORAGE_UNAVAILABLE" }, nextRetryAt: expect.any(Date) });
    await expect(db.sync()).rejects.toMatchObject({ code: "LS_STORAGE_UNAVAILABLE" });
    const patient = db.syncAndWait({ signal: AbortSignal.timeout(20_000) });
    await expect(db.syncAndWait({ signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: "TimeoutError" });
    store.heal();
    await patient;
    expect(await bodies(store, dir.file("out.db"))).toEqual(["kept"]);
    expect(db.status()).toMatchObject({ phase: "replicating", lagMs: 0 });
    app.close();
  });

  it("[M7, M8] by refusing credentials: syncAndWait() rejects with it, and replication recovers when they are back", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), store);
    const { db } = setup;
    await db.open();
    await db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "fail", error: denied } });
    insert(app, "late");
    await expect(db.syncAndWait()).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    await expect(db.syncAndWait()).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    const { phase, nextRetryAt, lagMs } = db.status();
    expect({ phase, waits: (nextRetryAt?.getTime() ?? 0) > Date.now() }).toEqual({ phase: "retrying", waits: true });
    await sleep(30);
    expect(db.status().lagMs).toBeGreaterThan(lagMs ?? Number.POSITIVE_INFINITY);
    store.heal();
    await db.syncAndWait();
    expect(setup.of("recovered")).toHaveLength(1);
    expect(db.status()).toMatchObject({ phase: "replicating", lagMs: 0 });
    app.close();
  });

  it("[H1] while closing: throttled uploads are repeated within the shutdown timeout", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), store);
    await setup.db.open();
    await setup.db.syncAndWait();
    insert(app, "throttled");
    store.arm({ operation: "write", fault: { kind: "fail", error: unavailable } });
    // By now the wait for the next attempt is longer than close() has time.
    while ((setup.of("upload-failed").at(-1)?.failures ?? 0) < 8) await setup.db.syncAndWait({ signal: AbortSignal.timeout(20) }).catch(() => {});
    setTimeout(() => store.heal(), 1500);
    await setup.db.close();
    expect(await bodies(store, dir.file("out.db"))).toEqual(["throttled"]);
    app.close();
  });

  it("[B14, C12] for longer than close() waits: it releases everything and says from which TXID on", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), store, { shutdownTimeoutMs: 300 });
    await setup.db.open();
    const durable = await setup.db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "hang" } });
    insert(app, "lost for now");
    await expect(withDeadline("close", 5000, setup.db.close())).rejects.toMatchObject({ code: "LS_NOT_DURABLE", details: { firstMissingTXID: durable + 1n } });
    store.heal();
    await using again = database(dir.file("app.db"), store);
    await again.db.open();
    await again.db.close();
    expect(await bodies(store, dir.file("out.db"))).toEqual(["lost for now"]);
    app.close();
  });

  it("[H2] and a second close() with an aborted signal ends the first one's flush", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), store);
    await setup.db.open();
    await setup.db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "fail", error: unavailable } });
    insert(app, "x");
    const closing = setup.db.close();
    closing.catch(() => {});
    await sleep(100);
    await expect(setup.db.close({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "LS_NOT_DURABLE" });
    await expect(closing).rejects.toMatchObject({ code: "LS_NOT_DURABLE" });
    app.close();
  });

  it("close() with an aborted signal resolves when nothing is missing", async () => {
    using dir = tempDir();
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), new MemoryClient());
    await setup.db.open();
    await setup.db.syncAndWait();
    await setup.db.close({ signal: AbortSignal.abort() });
    app.close();
  });
});

describe("a staged file that is damaged before it is uploaded", () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    "is deleted": (path) => rmSync(path),
    "is cut short": (path) => truncateSync(path, 150),
    "is emptied": (path) => truncateSync(path, 0),
    "has grown": (path) => writeFileSync(path, "x", { flag: "a" }),
  };
  it.each(Object.keys(damages))("[C13] %s: found out, and what it held is compared with the destination and sent again", async (damage) => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using setup = database(dir.file("app.db"), store);
    const { db } = setup;
    await db.open();
    insert(app, "one");
    const first = await db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "fail", error: new LSError("LS_STORAGE_UNAVAILABLE", "down", { retryable: true }) } });
    for (const body of ["two", "three"]) {
      insert(app, body);
      await db.sync();
    }
    const name = (first + 1n).toString(16).padStart(16, "0");
    damages[damage]?.(dir.file(".app.db-litestream", "ltx", "0", `${name}-${name}.ltx`));
    store.heal();
    await db.syncAndWait();
    expect(setup.of("detached")).toHaveLength(1);
    expect(await bodies(store, dir.file("out.db"))).toEqual(["one", "two", "three"]);
    insert(app, "four");
    await db.close();
    expect(await bodies(store, dir.file("out.db"))).toEqual(["one", "two", "three", "four"]);
    app.close();
  });
});

describe("another history at the destination", () => {
  it("is adopted when there is no local position; its other writer then gets LS_CONFLICT and leaves everything as it is", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const one = application(dir.file("one.db"));
    insert(one, "one");
    // Two clients of one place, as two processes have.
    const clientOfTwo = new RequestCounter(client);
    await using first = database(dir.file("one.db"), client, { syncIntervalMs: 3_600_000 });
    await first.db.open();
    const mine = await first.db.syncAndWait();
    const two = application(dir.file("two.db"));
    insert(two, "two");
    await using second = database(dir.file("two.db"), clientOfTwo);
    await second.db.open();
    await second.db.syncAndWait();
    expect(second.of("adopted")).toMatchObject([{ remoteTXID: mine, txid: mine + 1n }]);
    const before = client.peek({ level: 0, minTXID: mine + 1n, maxTXID: mine + 1n });
    insert(one, "conflict");
    await expect(first.db.syncAndWait()).rejects.toMatchObject({ code: "LS_CONFLICT" });
    expect(first.db.status()).toMatchObject({ phase: "failed", lastError: { code: "LS_CONFLICT" } });
    expect(client.peek({ level: 0, minTXID: mine + 1n, maxTXID: mine + 1n })).toEqual(before);
    await expect(first.db.close()).rejects.toMatchObject({ code: "LS_NOT_DURABLE", cause: { code: "LS_CONFLICT" } });
    // Both sides are at the same TXID now, and must not be taken for the same history after a restart.
    await expect(first.db.open()).rejects.toMatchObject({ code: "LS_CONFLICT" });
    await second.db.close();
    expect(await bodies(client, dir.file("out.db"))).toEqual(["two"]);
    insert(one, "still writable");
    one.close();
    two.close();
  });

  it("ahead of the local position is refused, or continued above", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const path = dir.file("app.db");
    const app = application(path);
    insert(app, "old");
    {
      await using setup = database(path, client);
      await setup.db.open();
      await setup.db.close();
    }
    const sidecars = [dir.file("app.db"), dir.file(".app.db-litestream/ls/pages"), ...[1].map(() => dir.file(".app.db-litestream/ltx/0"))];
    app.pragma("wal_checkpoint(TRUNCATE)");
    const old = { db: readFileSync(sidecars[0] ?? ""), pages: readFileSync(sidecars[1] ?? "") };
    let newest = 0n;
    {
      await using setup = database(path, client);
      await setup.db.open();
      for (let i = 0; i < 3; i++) {
        insert(app, `new ${i}`);
        newest = await setup.db.syncAndWait();
      }
      await setup.db.close();
    }
    app.close();
    // An old copy is put back, with its meta directory.
    const { writeFileSync, readdirSync } = await import("node:fs");
    writeFileSync(path, old.db);
    rmSync(`${path}-wal`, { force: true });
    rmSync(`${path}-shm`, { force: true });
    writeFileSync(dir.file(".app.db-litestream/ls/pages"), old.pages);
    const staged = dir.file(".app.db-litestream/ltx/0");
    for (const name of readdirSync(staged)) if (name > "0000000000000001-0000000000000001.ltx") rmSync(`${staged}/${name}`);
    {
      await using setup = database(path, client);
      await expect(setup.db.open()).rejects.toMatchObject({ code: "LS_DESTINATION_AHEAD", details: { remoteTXID: newest } });
    }
    await using setup = database(path, client, { onDestinationAhead: "continue" });
    await setup.db.open();
    await setup.db.syncAndWait();
    expect(setup.of("destination-ahead")).toMatchObject([{ remoteTXID: newest }]);
    expect(await bodies(client, dir.file("out.db"))).toEqual(["old"]);
    await restore(client, { outputPath: dir.file("other.db"), txid: newest });
    const other = new Database(dir.file("other.db"), { readonly: true });
    expect(other.prepare("SELECT count(*) FROM note").pluck().get()).toBe(4);
    other.close();
  });
});

describe("a caller that gives up", () => {
  it.each(["open", "ensureExists"] as const)("does not keep the others from their %s()", async (method) => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const path = dir.file("app.db");
    const app = application(path);
    insert(app, "row");
    {
      await using setup = database(path, store);
      await setup.db.open();
      await setup.db.close();
    }
    app.close();
    if (method === "ensureExists") dir.remove("app.db", "app.db-wal", "app.db-shm");
    const giveUp = new AbortController();
    await using setup = database(path, store);
    const { db } = setup;
    /** In the middle of the work. */
    const abortAtFirstList = (controller: AbortController): void => {
      store.heal();
      const when = (): boolean => {
        controller.abort();
        return false;
      };
      store.arm({ operation: "list", fault: { kind: "fail" }, when });
    };
    abortAtFirstList(giveUp);
    const first = db[method]({ signal: giveUp.signal });
    const second = db[method]({ signal: new AbortController().signal });
    await Promise.all([expect(first).rejects.toMatchObject({ name: "AbortError" }), second]);
    // Given up by all who asked: the next one begins anew.
    await db.close();
    if (method === "ensureExists") dir.remove("app.db", "app.db-wal", "app.db-shm");
    const alone = new AbortController();
    abortAtFirstList(alone);
    await expect(db[method]({ signal: alone.signal })).rejects.toMatchObject({ name: "AbortError" });
    await db[method]();
    expect(existsSync(path)).toBe(true);
  });
});

describe("ensureExists()", () => {
  it("restores, and the first cut continues with what changed since", async () => {
    using dir = tempDir();
    const client = new MemoryClient();
    const path = dir.file("app.db");
    const app = application(path);
    const fill = app.prepare("INSERT INTO note (body) VALUES (hex(randomblob(2000)))");
    app.transaction(() => {
      for (let i = 0; i < 2000; i++) fill.run();
    })();
    let before = 0n;
    {
      await using setup = database(path, client);
      expect(await setup.db.ensureExists()).toBe("present");
      await setup.db.open();
      before = await setup.db.syncAndWait();
      await setup.db.close();
    }
    app.close();
    dir.remove("app.db", "app.db-wal", "app.db-shm", ".app.db-litestream");
    await using setup = database(path, client);
    expect(await setup.db.ensureExists()).toBe("restored");
    expect(setup.of("restored")).toMatchObject([{ txid: before }]);
    const again = application(path);
    insert(again, "one row");
    await setup.db.open();
    await setup.db.syncAndWait();
    expect(setup.of("adopted")).toEqual([]);
    const uploaded = setup.of("uploaded");
    expect(uploaded[0]).toMatchObject({ txid: before + 1n });
    expect(uploaded.reduce((sum, event) => sum + event.sizeBytes, 0)).toBeLessThan(100_000);
    expect((await bodies(client, dir.file("out.db"))).at(-1)).toBe("one row");
    again.close();
  });

  it("never takes a failure for an absent backup", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const errors = [new LSError("LS_STORAGE_DENIED", "403"), new LSError("LS_STORAGE_UNAVAILABLE", "no such host", { retryable: true })];
    for (const error of errors) {
      store.heal();
      store.arm({ operation: "list", after: 3, fault: { kind: "fail", error } });
      await using setup = database(dir.file("app.db"), store);
      await expect(setup.db.ensureExists()).rejects.toBe(error);
      expect(existsSync(dir.file("app.db"))).toBe(false);
    }
    store.heal();
    await using setup = database(dir.file("app.db"), store);
    expect(await setup.db.ensureExists()).toBe("no-backup");
    expect(existsSync(dir.file(".app.db-litestream"))).toBe(false);
  });

  /** A database that was lost when `rows` were staged, one file each, behind what is durable. */
  async function lose(dir: TempDir, store: FaultStore, rows: readonly string[], durable: readonly string[]): Promise<void> {
    const path = dir.file("app.db");
    const app = application(path);
    for (const row of durable) insert(app, row);
    await using setup = database(path, store, { shutdownTimeoutMs: 100 });
    await setup.db.open();
    if (durable.length > 0) await setup.db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "hang" } });
    for (const row of rows) {
      insert(app, row);
      await setup.db.sync();
    }
    await expect(setup.db.close()).rejects.toMatchObject({ code: "LS_NOT_DURABLE" });
    app.close();
    store.heal();
    dir.remove("app.db", "app.db-wal", "app.db-shm");
  }

  it.each([
    ["some of it is at the destination", ["durable"]],
    ["nothing is at the destination", []],
  ])("loses nothing that a lost database left in the meta directory: %s", async (_, durable) => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const path = dir.file("app.db");
    await lose(dir, store, ["first", "second", "third"], durable);
    await using setup = database(path, store);
    expect(await setup.db.ensureExists()).toBe("restored");
    expect(setup.of("warning")).toEqual([]);
    expect(setup.of("uploaded").length).toBeGreaterThan(2);
    const again = application(path);
    expect(again.prepare("SELECT body FROM note ORDER BY id").pluck().all()).toEqual([...durable, "first", "second", "third"]);
    await setup.db.open();
    insert(again, "new");
    await setup.db.syncAndWait();
    expect(setup.of("adopted")).toEqual([]);
    expect(await bodies(store, dir.file("out.db"))).toEqual([...durable, "first", "second", "third", "new"]);
    again.close();
  });

  it.each(["list", "write"] as const)("restores nothing and touches nothing while a %s fails, and goes on afterwards", async (operation) => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const path = dir.file("app.db");
    await lose(dir, store, ["first", "second"], ["durable"]);
    const left = readdirSync(dir.file(".app.db-litestream/ltx/0"));
    const error = new LSError("LS_STORAGE_DENIED", "403");
    store.arm({ operation, after: 1, fault: { kind: "fail", error } });
    await using setup = database(path, store);
    await expect(setup.db.ensureExists()).rejects.toBe(error);
    expect(existsSync(path)).toBe(false);
    expect(readdirSync(dir.file(".app.db-litestream/ltx/0"))).toEqual(left);
    store.heal();
    expect(await setup.db.ensureExists()).toBe("restored");
    expect(await bodies(store, dir.file("out.db"))).toEqual(["durable", "first", "second"]);
  });

  it("moves aside what does not continue the destination, and says where", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const path = dir.file("app.db");
    await lose(dir, store, ["first", "second", "third"], ["durable"]);
    const staged = dir.file(".app.db-litestream/ltx/0");
    const [, , , last = ""] = readdirSync(staged).sort();
    const bytes = readFileSync(`${staged}/${last}`);
    // The second of the three is damaged, so nothing from there on can be sent.
    truncateSync(`${staged}/${readdirSync(staged).sort()[2]}`, 200);
    await using setup = database(path, store);
    expect(await setup.db.ensureExists()).toBe("restored");
    expect(await bodies(store, dir.file("out.db"))).toEqual(["durable", "first"]);
    expect(setup.of("warning").map(({ code }) => code)).toEqual(["LS_LTX_CORRUPTED", "LS_NOT_DURABLE"]);
    const parent = dir.file(".app.db-litestream/ls/set-aside");
    const [aside = ""] = readdirSync(parent);
    expect(setup.of("warning")[1]?.message).toContain(`${parent}/${aside}`);
    expect(readFileSync(`${parent}/${aside}/${last}`).equals(bytes)).toBe(true);
    expect(readdirSync(staged)).toEqual([]);
  });

  it("leaves everything alone when the destination went another way meanwhile", async () => {
    using dir = tempDir();
    using other = tempDir();
    const store = new FaultStore(new MemoryClient());
    await lose(dir, store, ["ours"], ["durable"]);
    {
      await using theirs = database(other.file("app.db"), store);
      await theirs.db.ensureExists();
      const app = application(other.file("app.db"));
      insert(app, "theirs");
      await theirs.db.open();
      await theirs.db.syncAndWait();
      app.close();
    }
    const left = readdirSync(dir.file(".app.db-litestream/ltx/0"));
    await using setup = database(dir.file("app.db"), store);
    await expect(setup.db.ensureExists()).rejects.toMatchObject({ code: "LS_CONFLICT" });
    expect(existsSync(dir.file("app.db"))).toBe(false);
    expect(readdirSync(dir.file(".app.db-litestream/ltx/0"))).toEqual(left);
    expect(await bodies(store, dir.file("out.db"))).toEqual(["durable", "theirs"]);
  });
});
