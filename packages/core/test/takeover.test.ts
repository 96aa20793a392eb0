import { renameSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Slicer } from "../src/concurrency/slicer.js";
import { readCommittedEnd } from "../src/db/engine/committed-end.js";
import { Connections } from "../src/db/engine/connections.js";
import { Doubt } from "../src/db/engine/doubt.js";
import { ReadMarks } from "../src/db/engine/read-marks.js";
import { Takeover } from "../src/db/engine/takeover.js";
import { WalFile } from "../src/db/engine/wal-file.js";
import type { EngineEvent } from "../src/db/protocol.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { gateVersion } from "../src/sqlite/version-gate.js";
import { frameEnd } from "../src/wal/frame.js";
import { openWAL, sleep, tempDirectory } from "./harness.js";

const driver = resolveDriver(Database);
const gate = gateVersion(driver.sqliteVersion);

let directory: ReturnType<typeof tempDirectory>;
let path: string;
let app: Database.Database;
let connections: Connections;
let wal: WalFile;
let events: EngineEvent[];
/** Runs wherever frames are taken under the barrier. */
let grabbing: () => void;

beforeEach(() => {
  directory = tempDirectory();
  path = join(directory.path, "app.db");
  app = openWAL(path);
  app.pragma("wal_autocheckpoint = 0");
  app.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  connections = new Connections(driver, path, gate);
  wal = new WalFile(path);
  events = [];
  grabbing = () => {};
});
afterEach(() => {
  wal.close();
  connections.close();
  app.close();
  directory[Symbol.dispose]();
});

function write(commits = 20): void {
  const insert = app.prepare("INSERT INTO t (v) VALUES (randomblob(3000))");
  for (let i = 0; i < commits; i++) insert.run();
}

function takeover(): Takeover {
  return new Takeover({
    connections,
    marks: new ReadMarks(connections.keeper),
    capture: { mustCut: false, grab: async () => {}, grabNow: () => grabbing() },
    readEnd: () => readCommittedEnd(wal.readAt, connections.status),
    emit: (event) => events.push(event),
    barrierPatienceMs: 10,
    walBytes: (frames) => frameEnd(frames, 4096),
  });
}

test("[A21] no connection of ours that could checkpoint by itself does", () => {
  const opened = vi.spyOn(driver, "open");
  const ours = new Connections(driver, path, gate);
  ours.passive();
  const barrier = ours.openBarrier();
  try {
    const writing = opened.mock.results.filter((_, i) => opened.mock.calls[i]?.[1]?.readonly !== true);
    expect(writing).toHaveLength(2);
    for (const { value } of writing) expect(value.row("PRAGMA wal_autocheckpoint")).toEqual({ wal_autocheckpoint: 0 });
  } finally {
    opened.mockRestore();
    barrier.close();
    ours.close();
  }
});

test("[A21] nothing is checkpointed in a file that has taken the database's place", () => {
  const ours = new Connections(driver, path, gate);
  try {
    const other = `${path}-other`;
    const app = new Database(other);
    app.pragma("journal_mode = WAL");
    app.exec("CREATE TABLE t (v); INSERT INTO t VALUES (1)");
    renameSync(other, path);
    expect(() => ours.passive()).toThrow(Doubt);
    expect(() => ours.openBarrier()).toThrow(Doubt);
    app.close();
  } finally {
    ours.close();
  }
});

test("[B3] whatever goes wrong under a barrier, writers go on before anything else happens", () => {
  const one = takeover();
  write();
  const other = new Database(path, { timeout: 0 });
  const openBarrier = connections.openBarrier.bind(connections);
  let couldWrite: unknown;
  vi.spyOn(connections, "openBarrier").mockImplementation(() => {
    const connection = openBarrier();
    return {
      ...connection,
      exec: (sql) => connection.exec(sql),
      close: () => {
        try {
          other.exec("BEGIN IMMEDIATE; ROLLBACK");
          couldWrite = true;
        } catch (error) {
          couldWrite = error;
        }
        connection.close();
      },
    };
  });
  let calls = 0;
  grabbing = () => {
    if (++calls === 1) return write(1);
    expect(() => other.exec("BEGIN IMMEDIATE")).toThrow("locked");
    throw new Error("out of memory");
  };
  expect(() => one.barrier()).toThrow("out of memory");
  expect(couldWrite).toBe(true);
  other.close();
});

test("[A37] while the mark moves, the WAL is held at every moment", async () => {
  const one = takeover();
  const slicer = new Slicer();
  app.pragma("busy_timeout = 0");
  let moves = 0;
  for (const mark of connections.keeper) {
    const end = mark.end.bind(mark);
    vi.spyOn(mark, "end").mockImplementation(() => {
      end();
      moves++;
      expect(app.pragma("wal_checkpoint(RESTART)")).toMatchObject([{ busy: 1 }]);
    });
  }
  for (let i = 0; i < 4; i++) {
    write(2);
    await one.look(slicer);
  }
  expect(moves).toBe(4);
});

test("[B2] what is committed just before a barrier is taken before anything is checkpointed under it", () => {
  const one = takeover();
  write();
  const end = (): number => readCommittedEnd(wal.readAt, connections.status).frames;
  const taken: number[] = [];
  grabbing = () => {
    taken.push(end());
    if (taken.length === 1) write(1);
  };
  expect(one.barrier()).toBe("complete");
  expect(taken.at(-1)).toBe(end());
  expect(taken[0]).toBeLessThan(end());
});

test("[B1, B7] behind a reader that stays, one PASSIVE a look, and no barrier", async () => {
  const one = takeover();
  write();
  const reader = new Database(path, { readonly: true });
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM t").get();
  write();
  const slicer = new Slicer();
  const passive = vi.spyOn(connections, "passive");
  await one.look(slicer);
  expect(await one.checkpoint(false, slicer)).toBe("partial");
  await sleep(150);
  for (let i = 0; i < 3; i++) {
    passive.mockClear();
    write(1);
    await one.look(slicer);
    expect(await one.checkpoint(false, slicer)).toBe("partial");
    expect(passive).toHaveBeenCalledTimes(1);
  }
  expect(one.barrier()).toBe("partial");
  expect(events).toEqual([]);
  reader.close();
  await one.look(slicer);
  expect(await one.checkpoint(false, slicer)).toBe("complete");
});

test("[B8, B13] a checkpoint that only says busy is no checkpoint, and the barrier gives up on it soon", () => {
  const one = takeover();
  write();
  vi.spyOn(connections, "passive").mockReturnValue({ busy: true, frames: 0, backfilled: 0 });
  expect(one.barrier()).toBe("partial");
  expect(events).toMatchObject([{ type: "barrier", completed: false }]);
  const [barrier] = events;
  expect(barrier?.type === "barrier" && barrier.heldMs < 10_000).toBe(true);
});
