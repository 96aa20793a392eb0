import { randomBytes } from "node:crypto";
import { DB, fromURL, Replica } from "@ls/core";
import { isLSError, type LTXFileRef } from "@ls/core/backend-kit";
import { encodeLTXHeader } from "@ls/ltx";
import { redisOrSkip, rowsInReplica, tempDir, waitFor } from "@ls/testkit";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RedisReplicaClient } from "../src/index.js";
import { RedisService } from "./service.js";

const binary = redisOrSkip();
const REF: LTXFileRef = { level: 0, minTXID: 1n, maxTXID: 1n };
const CHUNK = 256 * 1024;

/** A header, and two chunks and a half that belong to it. */
function fileOf(content: number): Uint8Array {
  const bytes = new Uint8Array(2.5 * CHUNK).fill(content);
  bytes.set(encodeLTXHeader({ pageSize: 4096, commit: 1, minTXID: 1n, maxTXID: 1n, timestampMs: 1 }));
  return bytes;
}

async function* whole(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The first of two halves, then what `between` does, then the rest. */
async function* interrupted(bytes: Uint8Array, between: () => Promise<void>): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 1.5 * CHUNK);
  await between();
  yield bytes.subarray(1.5 * CHUNK);
}

describe.skipIf(binary === undefined)("with a Redis server", () => {
  let service: RedisService;
  beforeAll(async () => {
    service = await RedisService.start(binary ?? "");
  });
  afterAll(() => service.stop());

  test("a live database is replicated, also after its connection was lost, and restored", async () => {
    using dir = tempDir("redis");
    const url = service.url("backups/app");
    const app = new Database(dir.file("app.db"));
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE note (id INTEGER PRIMARY KEY, body BLOB)");
    const insert = app.prepare("INSERT INTO note (body) VALUES (?)");
    await using db = new DB(dir.file("app.db"), { replica: new Replica(fromURL(url)) });
    expect(await db.ensureExists()).toBe("present");
    await db.open();
    const large = randomBytes(3 * CHUNK);
    insert.run(large);
    await db.syncAndWait();
    expect(await service.admin.sendCommand(["CLIENT", "KILL", "USER", "app"])).toBe(1);
    for (let i = 0; i < 20; i++) insert.run(`note ${i}`);
    await db.syncAndWait();
    app.close();
    expect(await rowsInReplica(url, `SELECT count(*) AS notes, max(body = x'${large.toString("hex")}') AS large FROM note`)).toEqual([{ notes: 21, large: 1 }]);
  });

  test("what a writer leaves that dies expires; chunks that expired under a living one are no file", async () => {
    const client = new RedisReplicaClient(service.url("dead"));
    const writing = client.writeLTXFile(
      REF,
      interrupted(fileOf(1), async () => {
        const [staged = ""] = await service.admin.keys("dead/*");
        expect(await service.admin.ttl(staged)).toBeGreaterThan(0);
        await service.admin.del(staged);
      }),
    );
    await expect(writing).rejects.toThrow("expired");
    expect(await service.admin.keys("dead/*")).toEqual([]);
    await client.close();
  });

  test("a stored file does not expire, and a write that failed leaves no key", async () => {
    const client = new RedisReplicaClient(service.url("kept"));
    await client.writeLTXFile(REF, whole(fileOf(1)));
    const failed = client.writeLTXFile(
      REF,
      interrupted(fileOf(2), () => Promise.reject(new Error("the source failed"))),
    );
    await expect(failed).rejects.toThrow("the source failed");
    const keys = await waitFor("the end of the staged chunks", 10_000, async () => {
      const found = await service.admin.keys("kept/*");
      return found.length === 2 ? found : undefined;
    });
    expect(keys.sort()).toEqual(["kept/ltx/0/", "kept/ltx/0/0000000000000001-0000000000000001.ltx"]);
    for (const key of keys) expect(await service.admin.ttl(key)).toBe(-1);
    await client.close();
  });

  test("a file that is replaced while it is read is never a mixture of both", async () => {
    const client = new RedisReplicaClient(service.url("replaced"));
    await client.writeLTXFile(REF, whole(fileOf(1)));
    const reading = async (): Promise<void> => {
      for await (const _ of client.openLTXFile(REF)) await client.writeLTXFile(REF, whole(fileOf(2)));
    };
    await expect(reading()).rejects.toThrow("replaced");
    await client.close();
  });
});

test.each([
  "redis://",
  "redis://localhost",
  "redis://localhost/",
  "redis://u:hidden@localhost:port/app",
  "redis://u:hidden@h/%zz",
  "redis://u:hidden@h/app?db=1",
])("%s is refused, without its password", (url) => {
  const error: unknown = (() => {
    try {
      return fromURL(url);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(isLSError(error, "LS_INVALID_URL")).toBe(true);
  expect(JSON.stringify(error, ["message", "cause", "stack"])).not.toContain("hidden");
});
