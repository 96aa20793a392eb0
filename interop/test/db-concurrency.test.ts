import { setTimeout as sleep } from "node:timers/promises";
import { DB, isLSError, Replica, type ReplicaClient } from "@ls/core";
import { restore } from "@ls/core/restore";
import { FaultStore, MemoryClient, seedOf, tempDir, withDeadline, withSeed } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";

const workerURL = new URL("../../packages/core/test/source-worker.mjs", import.meta.url);

function application(path: string): Database.Database {
  const app = new Database(path);
  app.exec("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, body TEXT)");
  return app;
}

async function count(client: ReplicaClient, outputPath: string): Promise<number> {
  await restore(client, { outputPath, integrityCheck: "full", driver: Database });
  const restored = new Database(outputPath, { readonly: true });
  try {
    return Number(restored.prepare("SELECT count(*) FROM note").pluck().get());
  } finally {
    restored.close();
  }
}

/** What a call may reject with when calls are cancelled and the database opened and closed all the time. */
function isExpected(error: unknown): boolean {
  if (error instanceof Error && error.name === "AbortError") return true;
  return ["LS_NOT_OPEN", "LS_NOT_DURABLE", "LS_STORAGE_UNAVAILABLE", "LS_INVALID_OPTION"].some((code) => isLSError(error) && error.code === code);
}

describe.each(["inline", "worker"] as const)("calls in any order, engine %s", (host) => {
  it("[H3] settle, and close() leaves a replica that holds everything", { timeout: 120_000 }, () =>
    withSeed(seedOf(20), async (random) => {
      using dir = tempDir();
      const store = new FaultStore(new MemoryClient());
      store.arm({ operation: "write", fault: { kind: "done-but-error" }, when: () => random.chance(0.1) });
      store.arm({ operation: "write", fault: { kind: "fail" }, when: () => random.chance(0.1) });
      const path = dir.file("app.db");
      const app = application(path);
      const insert = app.prepare("INSERT INTO note (body) VALUES (hex(randomblob(100)))");
      const db = new DB(path, { host, workerURL, replica: new Replica(store, { syncIntervalMs: 20 }), monitorIntervalMs: 20, shutdownTimeoutMs: 200 });
      const unexpected: unknown[] = [];
      let committed = 0;
      const calls: Promise<unknown>[] = [];
      const call = async (): Promise<void> => {
        const controller = new AbortController();
        if (random.chance(0.3)) setTimeout(() => controller.abort(), random.int(0, 29));
        const options = random.chance(0.1) ? { signal: AbortSignal.abort() } : { signal: controller.signal };
        try {
          switch (random.int(0, 7)) {
            case 0:
              return await db.close(options);
            case 1:
            case 2:
              return await db.open(options);
            case 3:
              return void (await db.sync(options));
            case 4:
              return void (await db.checkpoint(options));
            case 5:
              return void (await db.syncStatus(options));
            case 6:
              return void (await db.ensureExists(options));
            default:
              return void (await db.syncAndWait(options));
          }
        } catch (error) {
          if (!isExpected(error)) unexpected.push(error);
        }
      };
      for (let i = 0; i < 400; i++) {
        if (random.chance(0.5)) committed += insert.run().changes;
        calls.push(call());
        db.status();
        if (random.chance(0.7)) await sleep(random.int(0, 5));
      }
      await withDeadline("every call", 30_000, Promise.all(calls));
      expect(unexpected).toEqual([]);
      await db.open();
      await withDeadline(
        "the last flush",
        10_000,
        db.close({ signal: undefined }).catch(() => db.open().then(() => db.close())),
      );
      expect(await count(store, dir.file("out.db"))).toBe(committed);
      app.close();
    }),
  );
});

describe("fifty waiters", () => {
  it("leave when they are cancelled, and the others get what they wait for", async () => {
    using dir = tempDir();
    const store = new FaultStore(new MemoryClient());
    const app = application(dir.file("app.db"));
    await using db = new DB(dir.file("app.db"), { host: "inline", replica: new Replica(store) });
    await db.open();
    await db.syncAndWait();
    store.arm({ operation: "write", fault: { kind: "slow", bytesPerSecond: 20_000 } });
    app.exec("INSERT INTO note (body) VALUES (hex(randomblob(3000)))");
    const started = performance.now();
    const cancelled: number[] = [];
    const waiting = Array.from({ length: 50 }, (_, i) =>
      db.syncAndWait(i % 2 === 0 ? {} : { signal: AbortSignal.timeout(20) }).catch((error: Error) => {
        expect(error.name).toBe("TimeoutError");
        cancelled.push(performance.now() - started);
      }),
    );
    await Promise.all(waiting);
    expect(cancelled).toHaveLength(25);
    expect(Math.max(...cancelled)).toBeLessThan(performance.now() - started);
    app.close();
  });
});

describe("a client that ignores its signal", () => {
  it("does not keep close() from releasing everything", async () => {
    using dir = tempDir();
    const memory = new MemoryClient();
    class Deaf extends FaultStore {
      override writeLTXFile(): Promise<never> {
        return new Promise(() => {});
      }
    }
    const app = application(dir.file("app.db"));
    const db = new DB(dir.file("app.db"), { host: "inline", replica: new Replica(new Deaf(memory)), shutdownTimeoutMs: 50 });
    await db.open();
    await expect(withDeadline("close", 15_000, db.close())).rejects.toMatchObject({ code: "LS_NOT_DURABLE" });
    const other = new DB(dir.file("app.db"), { host: "inline", replica: new Replica(memory) });
    await other.open();
    await other.close();
    app.close();
  });
});
