import { readFileSync } from "node:fs";
import { join } from "node:path";
import { verifyLTX } from "@ls/ltx";
import Database from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { openDescriptors } from "../../../testkit/src/census.js";
import type { EngineHost } from "../src/db/protocol.js";
import { isLSError } from "../src/errors.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { createEngineHost } from "../src/worker/host.js";
import { imageOf, openWAL, settingsFor, sleep, startWriter, TestEngine, TestReplica, tempDirectory, walSize } from "./harness.js";

/** Reads the snapshot that is open, waiting `pauseMs` between chunks; what it restores to. */
async function readSnapshot(
  host: EngineHost,
  at: string,
  pauseMs = 0,
): Promise<{ readonly image: Uint8Array; readonly bytes: Uint8Array; readonly chunks: number[] }> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { chunk } = await host.request("snapshotRead", undefined);
    if (chunk === undefined) break;
    chunks.push(chunk);
    if (pauseMs > 0) await sleep(pauseMs);
  }
  const bytes = Buffer.concat(chunks);
  const replica = new TestReplica();
  await replica.apply(bytes);
  replica.writeTo(at);
  return { image: readFileSync(at), bytes, chunks: chunks.map(({ length }) => length) };
}

async function headerOf(bytes: Uint8Array) {
  const { header } = await verifyLTX(
    (async function* () {
      yield bytes;
    })(),
  );
  return header;
}

const problem = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

test("[C1] a slow reader beside a writer at full speed that checkpoints by itself: each snapshot is exactly its TXID", {
  timeout: 60_000,
}, async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec(
    "CREATE TABLE old (x); INSERT INTO old SELECT randomblob(3000) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) SELECT i FROM n)",
  );
  app.close();
  const engine = new TestEngine(path, { syncIntervalMs: 50, maxWalBytes: 8 * 1024 * 1024 });
  await engine.start();
  const { done } = startWriter(path, { seconds: 5, vacuum: 800 });
  const snapshots: { txid: bigint; image: Uint8Array; cutsMeanwhile: number }[] = [];
  let running = true;
  void done.then(() => (running = false));
  while (running) {
    const { txid } = await engine.ask("snapshotOpen", undefined);
    const { image } = await readSnapshot(engine.host, join(directory.path, "snapshot.db"), snapshots.length % 3 === 0 ? 40 : 0);
    const { txid: after } = await engine.ask("probe", undefined);
    snapshots.push({ txid, image, cutsMeanwhile: Number(after - txid) });
    await sleep(snapshots.length % 2 === 0 ? 0 : 120);
  }
  expect(await done).toBeGreaterThan(300);
  await engine.sync();
  expect(snapshots.length).toBeGreaterThanOrEqual(3);
  // Looks and cuts went on beside the slow ones.
  expect(Math.max(...snapshots.map(({ cutsMeanwhile }) => cutsMeanwhile))).toBeGreaterThan(3);
  const model = new TestReplica();
  for (const { txid, image } of snapshots) {
    await model.pull(engine.settings, txid);
    expect(model.txid).toBe(txid);
    expect(model.differences(image), `snapshot of TXID ${txid}`).toEqual([]);
  }
  await model.pull(engine.settings);
  expect(model.differences(imageOf(path))).toEqual([]);
  expect(new Set(model.headers.map(({ walSalt1 }) => walSalt1)).size).toBeGreaterThan(1);
  const trouble = engine.events.filter(({ type }) =>
    ["continued", "detached", "warning", "failed", "not-ready", "paused", "reader-blocks-checkpoint"].includes(type),
  );
  expect(trouble).toEqual([]);
  await engine.stop();
});

test("[B4, C2] commits after the snapshot's TXID go through while it is held, and are not in it, whatever was checkpointed meanwhile", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v); INSERT INTO t VALUES ('before')");
  const engine = new TestEngine(path);
  await engine.start();
  app.exec("INSERT INTO t VALUES ('cut by the snapshot')");
  const { txid } = await engine.ask("snapshotOpen", undefined);
  expect(txid).toBe(2n);
  for (let i = 0; i < 50; i++) app.exec("INSERT INTO t VALUES ('after'), (randomblob(5000))");
  app.pragma("wal_checkpoint(PASSIVE)");
  await engine.sync();
  await engine.ask("checkpoint", undefined);
  const at = join(directory.path, "snapshot.db");
  const { bytes } = await readSnapshot(engine.host, at);
  const copy = new Database(at, { readonly: true });
  expect(copy.prepare("SELECT v FROM t").pluck().all()).toEqual(["before", "cut by the snapshot"]);
  copy.close();
  const header = await headerOf(bytes);
  expect(header).toMatchObject({ minTXID: 1n, maxTXID: 2n, flags: 2, preApplyChecksum: 0n, walOffset: 32, walSize: 0 });
  expect(Math.abs(header.timestampMs - Date.now())).toBeLessThan(5000);
  await engine.stop();
  app.close();
});

test("[B9] while a snapshot is read, checkpoints get no further, and no barrier is tried for them", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec("CREATE TABLE t (v)");
  const engine = new TestEngine(path, { minCheckpointPages: 1, maxWalBytes: 100_000 });
  await engine.start();
  const { txid } = await engine.ask("snapshotOpen", undefined);
  for (let i = 0; i < 30; i++) app.exec("INSERT INTO t VALUES (randomblob(9000))");
  const held = await engine.ask("checkpoint", undefined);
  expect(held.checkpointedFrames).toBeLessThan(held.walFrames);
  expect(walSize(path)).toBeGreaterThan(100_000);
  expect(engine.of("barrier")).toEqual([]);
  const { bytes } = await readSnapshot(engine.host, join(directory.path, "snapshot.db"));
  expect(await headerOf(bytes)).toMatchObject({ maxTXID: txid });
  const { walFrames, checkpointedFrames } = await engine.ask("checkpoint", undefined);
  expect(checkpointedFrames).toBe(walFrames);
  await engine.stop();
  app.close();
});

test.each(["grown", "shrunk"])("[C3] the size is the committed one of a database that has %s in the WAL only", async (how) => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.pragma("wal_autocheckpoint = 0");
  const fill = (): unknown =>
    app.exec("INSERT INTO t SELECT zeroblob(4000) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT i FROM n)");
  app.exec("CREATE TABLE t (v)");
  if (how === "shrunk") fill();
  app.pragma("wal_checkpoint(TRUNCATE)");
  const engine = new TestEngine(path, { minCheckpointPages: 1_000_000 });
  await engine.start();
  if (how === "shrunk") app.exec("DELETE FROM t; VACUUM");
  else fill();
  await engine.ask("snapshotOpen", undefined);
  const { image } = await readSnapshot(engine.host, join(directory.path, "snapshot.db"));
  expect(image.length).toBe(Number(app.pragma("page_count", { simple: true })) * 4096);
  expect(Buffer.compare(image, app.serialize())).toBe(0);
  await engine.stop();
  app.close();
});

test("a clean database gives the TXID it has; nothing is cut for it", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  openWAL(path).exec("CREATE TABLE t (v)").close();
  const engine = new TestEngine(path);
  await engine.start();
  for (let i = 0; i < 3; i++) {
    expect(await engine.ask("snapshotOpen", undefined)).toEqual({ txid: 1n });
    const { image } = await readSnapshot(engine.host, join(directory.path, "snapshot.db"));
    expect(Buffer.compare(image, imageOf(path))).toBe(0);
  }
  expect(engine.of("staged").length).toBe(1);
  await engine.stop();
});

test("chunks are large, bounded, and those of a large database go through a worker unharmed", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec(
    "CREATE TABLE t (v); INSERT INTO t SELECT randomblob(3900) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i FROM n)",
  );
  const workerURL = new URL("./source-worker.mjs", import.meta.url);
  const host = createEngineHost({ kind: "worker", settings: settingsFor(path), driver: resolveDriver(Database), workerURL }, () => {});
  await host.request("open", undefined);
  await host.request("attach", { remoteTXID: 0n, remoteTimestampMs: 0 });
  await host.request("snapshotOpen", undefined);
  const { image, chunks } = await readSnapshot(host, join(directory.path, "snapshot.db"));
  expect(Buffer.compare(image, app.serialize())).toBe(0);
  expect(chunks.length).toBeGreaterThan(10);
  expect(Math.max(...chunks)).toBeLessThan(1024 * 1024);
  expect(Math.min(...chunks.slice(0, -1))).toBeGreaterThanOrEqual(256 * 1024);
  await host.request("close", { discard: false });
  await host.dispose();
  app.close();
});

test("[B10] an abandoned snapshot holds nothing back", async () => {
  using directory = tempDirectory();
  const path = join(directory.path, "app.db");
  const app = openWAL(path);
  app.exec(
    "CREATE TABLE t (v); INSERT INTO t SELECT randomblob(3900) FROM (WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT i FROM n)",
  );
  const engine = new TestEngine(path);
  await engine.start();
  const write = (): unknown => app.exec("INSERT INTO t VALUES (randomblob(9000))");
  const isFolded = async (): Promise<boolean> => {
    const { walFrames, checkpointedFrames } = await engine.ask("checkpoint", undefined);
    return walFrames === checkpointedFrames;
  };
  const notHeld = async (): Promise<boolean> => isLSError(await problem(engine.ask("snapshotRead", undefined)), "LS_NOT_READY");
  const open = async (): Promise<void> => {
    write();
    await engine.ask("snapshotOpen", undefined);
    await engine.ask("snapshotRead", undefined);
    write();
    expect(await isFolded()).toBe(false);
  };
  const descriptors = (): number => openDescriptors("self").filter((target) => target.endsWith("app.db")).length;

  await open();
  expect(isLSError(await problem(engine.ask("snapshotOpen", undefined)), "LS_INTERNAL")).toBe(true);
  await engine.ask("snapshotClose", undefined);
  await engine.ask("snapshotClose", undefined);
  expect(await isFolded()).toBe(true);
  expect(await notHeld()).toBe(true);
  // SQLite keeps the descriptor for the next connection while others hold locks.
  const before = descriptors();

  // Given up in the middle of a read.
  await open();
  const abort = new AbortController();
  const reading = (async () => {
    for (;;) if ((await engine.ask("snapshotRead", undefined, abort.signal)).chunk === undefined) return;
  })();
  abort.abort(new Error("enough"));
  expect(await problem(reading)).toMatchObject({ message: "enough" });
  await engine.ask("snapshotClose", undefined);
  expect(await isFolded()).toBe(true);

  // Capture begins anew under it.
  await open();
  expect(await engine.ask("attach", { remoteTXID: 0n, remoteTimestampMs: 0, base: null })).toMatchObject({ kind: "attached" });
  expect(await notHeld()).toBe(true);
  expect(await isFolded()).toBe(true);

  // Nobody reads any more.
  await open();
  const now = performance.now.bind(performance);
  const clock = vi.spyOn(performance, "now").mockImplementation(() => now() + 6 * 60_000);
  try {
    await sleep(1200);
    expect(await notHeld()).toBe(true);
    expect(await isFolded()).toBe(true);
  } finally {
    clock.mockRestore();
  }
  expect(descriptors()).toBe(before);

  await open();
  await engine.stop();
  expect(app.pragma("wal_checkpoint(TRUNCATE)")).toMatchObject([{ busy: 0 }]);
  expect(walSize(path)).toBe(0);
  app.close();
});

test("where nothing is captured there is nothing to take", async () => {
  using directory = tempDirectory();
  const engine = new TestEngine(join(directory.path, "app.db"));
  await engine.ask("open", undefined);
  expect(isLSError(await problem(engine.ask("snapshotOpen", undefined)), "LS_NOT_READY")).toBe(true);
  await engine.ask("snapshotClose", undefined);
  await engine.stop();
});
