import fs, { existsSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, expect, test } from "vitest";
import { CallCounter } from "../../../testkit/src/call-counter.js";
import type { EngineSettings } from "../src/db/protocol.js";
import { isLSError } from "../src/errors.js";
import type { SQLiteDriver } from "../src/sqlite/driver.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { imageOf, openWAL, sleep, type TestEngine, TestReplica, tempDirectory, until } from "./harness.js";
import { acknowledge, atRest, heldBy, isResting, restingEngine, troubleOf } from "./resting.js";
import { CHECKPOINTS, stepped } from "./stepped.js";

/** A database that nobody has open when it was written to: it is compared, and rests on. */

const engines: TestEngine[] = [];
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.stop(true).catch(() => {});
});

function makeDatabase(directory: string): string {
  const path = join(directory, "app.db");
  openWAL(path)
    .exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, v); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) INSERT INTO t (v) SELECT randomblob(3000) FROM n",
    )
    .close();
  return path;
}

/** Writes a page as it was. */
const BACK_AND_FORTH = `CREATE TEMP TABLE saved AS SELECT v FROM t WHERE id = 5; BEGIN;
  UPDATE t SET v = zeroblob(3000) WHERE id = 5; UPDATE t SET v = (SELECT v FROM saved) WHERE id = 5; COMMIT`;

/** Every commit makes the database larger. */
const COMMIT = "INSERT INTO t (v) VALUES (randomblob(3000)); UPDATE t SET v = randomblob(3000) WHERE id = abs(random()) % 40 + 1";

async function start(path: string, changes: Partial<EngineSettings> = {}, driver?: SQLiteDriver): Promise<{ engine: TestEngine; replica: TestReplica }> {
  const engine = restingEngine(path, changes, driver);
  engines.push(engine);
  await engine.start();
  const replica = new TestReplica();
  await replica.pull(engine.settings);
  await longAtRest(engine);
  return { engine, replica };
}

/** At rest for longer than {@link restingEngine} has a database idle before it rests. */
async function longAtRest(engine: TestEngine): Promise<void> {
  await atRest(engine);
  await sleep(2 * engine.settings.restAfterMs);
}

const staged = (engine: TestEngine): bigint => engine.of("staged").at(-1)?.file.txid ?? 0n;
const wakes = (engine: TestEngine): number => engine.of("awake").length;

test("the lock is held until the destination has what was found, and nothing else; nobody wakes", async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  const { engine, replica } = await start(path);
  for (let round = 0; round < 3; round++) {
    await longAtRest(engine);
    const before = staged(engine);
    openWAL(path).exec(COMMIT).close();
    await until("the commit is staged", () => staged(engine) > before);
    await until("the connection is closed", () => heldBy(engine).every((file) => file.includes("/ls/lock")));
    expect(heldBy(engine)).not.toEqual([]);
    const other = restingEngine(path);
    const refusal = await other.ask("open", undefined).catch((error: unknown) => error);
    expect(isLSError(refusal, "LS_LOCKED"), String(refusal)).toBe(true);
    await other.stop(true);
    await replica.pull(engine.settings);
    expect(replica.txid).toBe(before + 1n);
    expect(engine.of("staged").at(-1)?.file.pageCount).toBeLessThan(10);
    await acknowledge(engine);
    expect(heldBy(engine)).toEqual([]);
    expect(replica.differences(imageOf(path))).toEqual([]);
  }
  expect(wakes(engine)).toBe(0);
  expect(troubleOf(engine)).toEqual([]);
});

test("while its lock is held, what is asked for is done", async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  const { engine, replica } = await start(path);
  openWAL(path).exec(COMMIT).close();
  await until("the commit is staged", () => staged(engine) > 1n);
  expect(await engine.ask("probe", undefined)).toEqual({ txid: 2n, dirty: false });
  expect(await engine.sync()).toBe(2n);
  expect(isResting(engine)).toBe(true);
  const app = openWAL(path);
  app.exec(COMMIT);
  expect(await engine.ask("probe", undefined)).toEqual({ txid: 2n, dirty: true });
  expect(await engine.sync()).toBe(3n);
  await replica.pull(engine.settings);
  expect(replica.differences(app.serialize())).toEqual([]);
  await engine.ask("checkpoint", undefined);
  expect(troubleOf(engine)).toEqual([]);
  app.close();
});

test("a database that is closed while its lock is held is free, and a start goes on from there", async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  const { engine, replica } = await start(path);
  openWAL(path).exec(COMMIT).close();
  await until("the commit is staged", () => staged(engine) > 1n);
  await engine.stop();
  await replica.pull(engine.settings);
  const again = restingEngine(path);
  engines.push(again);
  expect(await again.start(1n)).toMatchObject({ kind: "attached", txid: 2n });
  expect(again.of("staged")).toEqual([]);
  expect(replica.differences(imageOf(path))).toEqual([]);
});

test("a write that changes nothing stages nothing, and the next commit is found as before", async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  const { engine, replica } = await start(path);
  const commit = async (sql: string, isDone: () => boolean): Promise<void> => {
    openWAL(path).exec(sql).close();
    await until("it was looked at", isDone);
    await replica.pull(engine.settings);
    await longAtRest(engine);
  };
  // More than a table can be made of again in a moment: it is saved, with a place in the WAL.
  const app = openWAL(path);
  app.exec("INSERT INTO t (v) VALUES (randomblob(200000))");
  await until("it is staged", () => staged(engine) === 2n);
  await replica.pull(engine.settings);
  await longAtRest(engine);
  app.close();
  const before = wakes(engine);
  expect(existsSync(join(engine.settings.metaPath, "ls", "pages"))).toBe(true);
  using looks = new CallCounter(fs, ["readSync"]);
  await commit(BACK_AND_FORTH, () => looks.count("readSync") > 0);
  expect(await engine.ask("probe", undefined)).toEqual({ txid: 2n, dirty: false });
  await commit(COMMIT, () => staged(engine) === 3n);
  expect(replica.differences(imageOf(path))).toEqual([]);
  expect(troubleOf(engine)).toEqual([]);
  expect(wakes(engine)).toBe(before);
});

test("a WAL that is left behind, or another journal mode, has the database taken up", async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  const { engine, replica } = await start(path);
  const app = openWAL(path);
  app.exec(COMMIT);
  await until("it is taken up", () => wakes(engine) === 1);
  await until("the commit is staged", () => staged(engine) > 1n);
  app.close();
  await replica.pull(engine.settings);
  await longAtRest(engine);
  const last = new Database(path);
  last.pragma("journal_mode = DELETE");
  last.close();
  await until("it cannot be replicated", () => engine.of("not-ready").length > 0 || engine.of("detached").length > 0);
});

test("a commit at every step of a glance, and after it a checkpoint or a close: every file is a state that was committed", { timeout: 180_000 }, async () => {
  using directory = tempDirectory();
  const path = makeDatabase(directory.path);
  let app = openWAL(path);
  const states: Uint8Array[] = [app.serialize()];
  const commit = (): void => {
    if (!app.open) app = new Database(path, { timeout: 0 });
    app.exec(COMMIT);
    states.push(app.serialize());
  };
  app.close();
  /** Calls to the driver, and reads of files, since the commit that is glanced at, and the one before which another commit comes. */
  let calls = 0;
  let fire: { readonly at: number; readonly checkpoint: (app: Database.Database) => void } | undefined;
  const step = (): void => {
    if (calls++ !== fire?.at) return;
    commit();
    fire.checkpoint(app);
  };
  const driver = stepped(resolveDriver(Database), step);
  using _reads = new CallCounter(fs, ["readSync"], step);
  const { engine, replica } = await start(path, { monitorIntervalMs: 1000 }, driver);
  let steps = 0;
  for (let fired = true; fired; steps++) {
    for (const { name, checkpoint } of CHECKPOINTS) {
      const context = `step ${steps}, then ${name}`;
      await longAtRest(engine);
      const [before, woken] = [staged(engine), wakes(engine)];
      calls = 0;
      fire = { at: steps, checkpoint };
      commit();
      app.close();
      await until(`everything is staged by itself (${context})`, async () => {
        if (staged(engine) === before || (await engine.ask("probe", undefined)).dirty) return false;
        while (replica.txid < staged(engine)) {
          const next = replica.txid + 1n;
          await replica.pull(engine.settings, next);
          expect(replica.txid, `every file stays until it is acknowledged (${context})`).toBe(next);
          expect(
            states.some((state) => replica.differences(state).length === 0),
            `TXID ${replica.txid} is a state that was committed (${context})`,
          ).toBe(true);
        }
        // The last step is to give the lock back.
        const taken = calls;
        await acknowledge(engine);
        return calls === taken && (calls > steps || isResting(engine));
      });
      fired = calls > steps;
      if (!fired) expect(wakes(engine), context).toBe(woken);
      fire = undefined;
      app.close();
      expect(replica.differences(imageOf(path)), context).toEqual([]);
      states.splice(0, states.length, imageOf(path));
    }
  }
  expect(troubleOf(engine)).toEqual([]);
  // The lock and one connection: opened, and closed; the lock's row; the pages; and little more.
  expect(steps).toBeGreaterThan(8);
  expect(steps).toBeLessThan(20);
});
