import { readFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClientWrapper } from "../../../testkit/src/client-wrapper.js";
import { MemoryClient } from "../../../testkit/src/memory-client.js";
import { DB } from "../src/db/db.js";
import { isLSError, LSError } from "../src/errors.js";
import { Replica } from "../src/replica/replica.js";
import type { LTXFileInfo, LTXFileRef, WriteOptions } from "../src/replica-client.js";
import { restore } from "../src/restore/restore.js";
import { openWAL, tempDirectory, until } from "./harness.js";

/** A destination whose snapshots do as told. */
class Snapshots extends ClientWrapper {
  readonly memory: MemoryClient;
  /** Runs before each chunk is taken; what it throws ends the upload. */
  beforeChunk: (signal: AbortSignal | undefined) => Promise<void> | void = () => {};
  chunks = 0;

  constructor(memory: MemoryClient) {
    super(memory);
    this.memory = memory;
  }

  override writeLTXFile(ref: LTXFileRef, data: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<LTXFileInfo> {
    return this.memory.writeLTXFile(ref, ref.level === 9 ? this.#guarded(data, options.signal) : data, options);
  }

  async *#guarded(data: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    for await (const chunk of data) {
      this.chunks++;
      await this.beforeChunk(signal);
      yield chunk;
    }
  }

  async at(level: number): Promise<LTXFileInfo[]> {
    const files: LTXFileInfo[] = [];
    for await (const file of this.memory.ltxFiles(level)) files.push(file);
    return files;
  }
}

let directory: ReturnType<typeof tempDirectory>;
let app: Database.Database;
let client: Snapshots;
let db: DB;

beforeEach(async () => {
  directory = tempDirectory();
  app = openWAL(join(directory.path, "app.db"));
  app.exec("CREATE TABLE t (v)");
  for (let i = 0; i < 1000; i++) app.exec("INSERT INTO t VALUES (randomblob(2000))");
  client = new Snapshots(new MemoryClient());
  db = new DB(join(directory.path, "app.db"), { replica: new Replica(client, { syncIntervalMs: 20 }), driver: Database, host: "inline" });
  await db.open();
});
afterEach(async () => {
  await db.close({ signal: AbortSignal.abort() }).catch(() => {});
  app.close();
  directory[Symbol.dispose]();
});

/** Whether nothing keeps the WAL from being folded in. */
async function isReleased(): Promise<boolean> {
  app.exec("INSERT INTO t VALUES (1)");
  const { walFrames, checkpointedFrames } = await db.checkpoint();
  return walFrames === checkpointedFrames;
}

const problem = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("what is at the destination afterwards restores without the level-0 files", async () => {
  app.exec("INSERT INTO t VALUES ('newest')");
  const { txid, file } = await db.snapshot();
  expect(file).toMatchObject({ level: 9, minTXID: 1n, maxTXID: txid });
  expect(await client.at(9)).toEqual([file]);
  expect((await client.at(0)).at(-1)?.maxTXID).toBe(txid);
  await client.memory.deleteLTXFiles(await client.at(0));
  const at = join(directory.path, "restored.db");
  await restore(client.memory, { outputPath: at });
  expect(Buffer.compare(readFileSync(at), app.serialize())).toBe(0);
  expect(await isReleased()).toBe(true);
});

test("calls wait for one another; without new commits the file that is there is taken", async () => {
  const [first, second] = await Promise.all([db.snapshot(), db.snapshot()]);
  expect(second).toEqual(first);
  expect(await client.at(9)).toEqual([first.file]);
  app.exec("INSERT INTO t VALUES (1)");
  const { txid } = await db.snapshot();
  expect(txid).toBeGreaterThan(first.txid);
  expect((await client.at(9)).length).toBe(2);
});

test("[C10] an upload that fails leaves nothing there, and nothing held", async () => {
  client.beforeChunk = () => {
    if (client.chunks === 3) throw new LSError("LS_STORAGE_UNAVAILABLE", "gone", { retryable: true });
  };
  expect(isLSError(await problem(db.snapshot()), "LS_STORAGE_UNAVAILABLE")).toBe(true);
  expect(await client.at(9)).toEqual([]);
  expect(await isReleased()).toBe(true);
  await db.snapshot();
});

test("a cancelled call rejects with its reason, leaves nothing there, and nothing held", async () => {
  const abort = new AbortController();
  client.beforeChunk = () => {
    if (client.chunks === 2) abort.abort(new Error("enough"));
  };
  expect(await problem(db.snapshot({ signal: abort.signal }))).toMatchObject({ message: "enough" });
  await until("the state is let go", isReleased);
  expect(await client.at(9)).toEqual([]);
  await db.snapshot();
});

test("close() ends one that is under way, and flushes the rest", async () => {
  let stuck = false;
  client.beforeChunk = (signal) => {
    stuck = true;
    return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  };
  const snapshot = problem(db.snapshot());
  await until("it is under way", () => stuck);
  app.exec("INSERT INTO t VALUES ('flushed')");
  const before = (await client.at(0)).length;
  await db.close();
  expect(isLSError(await snapshot, "LS_NOT_OPEN")).toBe(true);
  expect(await client.at(9)).toEqual([]);
  expect((await client.at(0)).length).toBe(before + 1);
  expect(isLSError(await problem(db.snapshot()), "LS_NOT_OPEN")).toBe(true);
});
