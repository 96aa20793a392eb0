import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heldLocks } from "../../test/held-locks.js";
import { sourceChild } from "../../test/source-child.js";
import { isLSError } from "../errors.js";
import { BorrowedFile, identify, isOpenInProcess } from "./borrowed-files.js";
import { isBusy, type SQLiteConnection, sqliteErrorCode } from "./driver.js";
import { ReadMark } from "./read-mark.js";
import { resolveDriver } from "./resolve.js";
import { gateVersion } from "./version-gate.js";
import { decodeWALIndexHeader, readWALIndexHeader, WAL_INDEX_READ_SIZE } from "./wal-index.js";
import { type WALStatusSource, walStatusSource } from "./wal-status.js";

const driver = resolveDriver(Database);
const linux = process.platform === "linux";

let directory: string;
let path: string;
let app: Database.Database;
let open: SQLiteConnection[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-sqlite-"));
  path = join(directory, "app.db");
  app = new Database(path);
  app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)");
  open = [];
});
afterEach(() => {
  for (const connection of open) connection.close();
  app.close();
  rmSync(directory, { recursive: true, force: true });
});

function connect(readonly: boolean): SQLiteConnection {
  const connection = driver.open(path, { readonly });
  open.push(connection);
  connection.row("PRAGMA user_version");
  return connection;
}

/** The position as NOOP tells it. */
function byNoop(idle: SQLiteConnection): WALStatusSource {
  return walStatusSource(gateVersion(driver.sqliteVersion), idle, () => {
    throw new Error("not needed");
  });
}

describe("the better-sqlite3 driver", () => {
  it("opens only what exists unless it is told to create, and tells SQLite's codes", () => {
    const absent = join(directory, "absent.db");
    let thrown: unknown;
    try {
      driver.open(absent);
    } catch (error) {
      thrown = error;
    }
    expect(sqliteErrorCode(thrown)).toBe("SQLITE_CANTOPEN");
    expect(identify(absent)).toBeUndefined();
    driver.open(absent, { create: true }).close();
    expect(identify(absent)).toBeDefined();
    expect(sqliteErrorCode(new Error("no code"))).toBeUndefined();
    expect(sqliteErrorCode(Object.assign(new Error(), { code: "ENOENT" }))).toBeUndefined();
  });

  it("runs statements with values, gives rows, and says when something is busy", () => {
    const connection = connect(false);
    connection.run("INSERT INTO t VALUES (?, ?)", 5, new Uint8Array([1, 2]));
    expect(connection.row("SELECT a, length(b) AS size FROM t")).toEqual({ a: 5, size: 2 });
    expect(connection.row("SELECT a FROM t WHERE a = 6")).toBeUndefined();
    app.exec("BEGIN IMMEDIATE");
    let thrown: unknown;
    try {
      connection.exec("BEGIN IMMEDIATE");
    } catch (error) {
      thrown = error;
    }
    app.exec("ROLLBACK");
    expect(isBusy(thrown)).toBe(true);
    connection.close();
    connection.close();
  });

  it("refuses a path that better-sqlite3 would change", () => {
    expect(() => driver.open(`${path} `)).toThrow(/spaces/);
  });
});

describe("WAL status", () => {
  it("is the same from NOOP, from the wal-index, and from what SQLite did", () => {
    const idle = connect(true);
    const rw = connect(false);
    const shm = BorrowedFile.find(`${path}-shm`);
    if (shm === undefined) throw new Error("no -shm");
    const byIndex = walStatusSource({ takeover: true, noop: false }, idle, () => shm);
    const status = byNoop(idle);
    const wal = (): Buffer => readFileSync(`${path}-wal`);
    for (let i = 0; i < 40; i++) {
      app.prepare("INSERT INTO t (b) VALUES (randomblob(9000))").run();
      if (i % 7 === 3) rw.row("PRAGMA wal_checkpoint(PASSIVE)");
      const { frames, backfilledFrames } = status();
      expect(byIndex()).toEqual({ frames, backfilledFrames });
      expect(backfilledFrames <= frames).toBe(true);
      const header = shm.batch((readAt) => readWALIndexHeader(readAt));
      expect(header?.pageCount).toBe(app.pragma("page_count", { simple: true }));
      expect(header?.salt1).toBe(wal().readUInt32BE(16));
      expect(header?.salt2).toBe(wal().readUInt32BE(20));
      const lastFrame = 32 + (frames - 1) * 4120;
      expect(header?.checksum.s0).toBe(wal().readInt32BE(lastFrame + 16));
      expect(header?.checksum.s1).toBe(wal().readInt32BE(lastFrame + 20));
    }
  });

  it("has SQLite repair a wal-index whose writer was killed in the middle", { timeout: 60_000 }, async () => {
    app.exec("INSERT INTO t VALUES (1, 'x')");
    app.close();
    // In a process of its own: the broken header is written into the file that SQLite has mapped.
    const child = sourceChild(
      {
        files: join(import.meta.dirname, "borrowed-files.ts"),
        status: join(import.meta.dirname, "wal-status.ts"),
        resolve: join(import.meta.dirname, "resolve.ts"),
      },
      `const app = new (require("better-sqlite3"))(data);
      app.exec("INSERT INTO t VALUES (2, 'y'), (3, 'z')");
      const idle = resolve.resolveDriver(undefined).open(data, { readonly: true });
      idle.row("PRAGMA user_version");
      const shm = files.BorrowedFile.find(data + "-shm");
      const look = status.walStatusSource({ takeover: false, noop: false }, idle, () => shm);
      const good = look();
      shm.batch((_, fd) => require("fs").writeSync(fd, Buffer.from([0xff]), 0, 1, 16));
      say([good.frames > 0, look().frames === good.frames]);`,
      path,
    );
    expect(await child.next()).toEqual([true, true]);
    await child.exited;
  });

  it("says when the database is not in WAL mode", () => {
    const rollback = join(directory, "rollback.db");
    const connection = driver.open(rollback, { create: true });
    open.push(connection);
    connection.exec("CREATE TABLE t (a)");
    let thrown: unknown;
    try {
      byNoop(connection)();
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown, "LS_NOT_READY")).toBe(true);
  });

  it("takes no header whose copies differ, whose checksum is wrong, or that was never written", () => {
    connect(true);
    const bytes = readFileSync(`${path}-shm`).subarray(0, WAL_INDEX_READ_SIZE);
    expect(decodeWALIndexHeader(bytes)).toBeDefined();
    for (let at = 0; at < 96; at++) {
      const torn = Uint8Array.from(bytes);
      torn[at] = (torn[at] ?? 0) ^ 0x10;
      expect(decodeWALIndexHeader(torn)).toBeUndefined();
      torn[(at + 48) % 96] = torn[at] ?? 0;
      expect(decodeWALIndexHeader(torn)).toBeUndefined();
    }
    expect(decodeWALIndexHeader(new Uint8Array(WAL_INDEX_READ_SIZE))).toBeUndefined();
    expect(readWALIndexHeader(() => 0)).toBeUndefined();
  });
});

describe.runIf(linux)("ReadMark", () => {
  it("takes a snapshot and its locks, and gives them back", () => {
    const mark = new ReadMark(connect(true));
    app.exec("INSERT INTO t VALUES (1, 'x')");
    const before = heldLocks(path, `${path}-shm`);
    mark.begin();
    mark.begin();
    expect(mark.held).toBe(true);
    expect(heldLocks(path, `${path}-shm`).length).toBe(before.length + 1);
    app.exec("INSERT INTO t VALUES (2, 'x')");
    expect(mark.connection.row("SELECT count(*) AS n FROM t")).toEqual({ n: 1 });
    mark.end();
    mark.end();
    expect(mark.held).toBe(false);
    expect(heldLocks(path, `${path}-shm`)).toEqual(before);
    mark.begin();
    expect(mark.connection.row("SELECT count(*) AS n FROM t")).toEqual({ n: 2 });
    mark.end();
  });

  it("needs no schema that this copy understands", () => {
    const mark = new ReadMark(driver.open(path, { readonly: true }));
    open.push(mark.connection);
    app.exec("INSERT INTO t VALUES (1, 'x')");
    app.unsafeMode(true);
    app.exec(
      "PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('table', 'odd', 'odd', 0, 'CREATE VIRTUAL TABLE odd USING unheard_of(x'); PRAGMA writable_schema = OFF",
    );
    mark.begin();
    expect(mark.held).toBe(true);
    mark.end();
  });
});

describe("BorrowedFile", () => {
  const sizeOf = (file: BorrowedFile | undefined): number | undefined => file?.batch((_, fd) => fstatSync(fd).size);

  it("reads the database and -shm through SQLite's descriptors, without changing a lock", () => {
    connect(true);
    app.exec("INSERT INTO t VALUES (1, 'x'); BEGIN IMMEDIATE; INSERT INTO t VALUES (2, 'y')");
    const before = linux ? heldLocks(path, `${path}-shm`) : [];
    const header = new Uint8Array(16);
    for (const [name, magic] of [
      [path, "SQLite format 3\0"],
      [`${path}-shm`, undefined],
    ] as const) {
      const file = BorrowedFile.find(name);
      expect(file?.batch((readAt) => readAt(header, 0))).toBe(16);
      if (magic !== undefined) expect(new TextDecoder().decode(header)).toBe(magic);
      expect(sizeOf(file)).toBeGreaterThan(0);
      expect(file?.atPath()).toBe(true);
      file?.close();
      file?.close();
      expect(() => sizeOf(file)).toThrow();
    }
    if (linux) {
      expect(before.length).toBeGreaterThanOrEqual(3);
      expect(heldLocks(path, `${path}-shm`)).toEqual(before);
    }
    app.exec("COMMIT");
  });

  it("finds nothing that is not open, and notices that a file was replaced", () => {
    connect(true);
    const stranger = join(directory, "stranger");
    writeFileSync(stranger, "x");
    expect(BorrowedFile.find(join(directory, "absent"))).toBeUndefined();
    expect(process.platform === "win32" || BorrowedFile.find(stranger) === undefined).toBe(true);
    const file = BorrowedFile.find(path);
    renameSync(stranger, path);
    expect(file?.atPath()).toBe(false);
    // What SQLite has open is still there to read.
    expect(sizeOf(file)).toBeGreaterThan(0);
  });

  it.runIf(linux)("notices that its descriptor now is another file, and finds another descriptor", () => {
    const file = join(directory, "file");
    writeFileSync(file, "content");
    const first = openSync(file, "r");
    const borrowed = BorrowedFile.find(file);
    expect(sizeOf(borrowed)).toBe(7);
    const second = openSync(file, "r");
    closeSync(first);
    const reused = openSync("/dev/null", "r");
    expect(reused).toBe(first);
    expect(sizeOf(borrowed)).toBe(7);
    let thrown: unknown;
    try {
      borrowed?.batch((_, fd) => {
        closeSync(fd);
        return openSync("/dev/null", "r");
      });
    } catch (error) {
      thrown = error;
    }
    expect(isLSError(thrown, "LS_INTERNAL")).toBe(true);
    expect(() => sizeOf(borrowed)).toThrow(/no longer/);
    expect(isOpenInProcess(identify(file) ?? { dev: 0n, ino: 0n })).toBe(false);
    expect(fstatSync(second).size).toBe(0);
    closeSync(second);
    closeSync(reused);
  });

  it.runIf(linux)("passes over a descriptor that cannot be read", () => {
    const file = join(directory, "file");
    const writeOnly = openSync(file, "w");
    const identity = identify(file);
    expect(identity !== undefined && isOpenInProcess(identity)).toBe(false);
    closeSync(writeOnly);
  });
});

describe("the wal-index beside a writer in another process", () => {
  it("never gives a position that is not a commit", { timeout: 60_000 }, async () => {
    const idle = connect(true);
    const child = sourceChild(
      {},
      `const db = new (require("better-sqlite3"))(data);
      const insert = db.prepare("INSERT INTO t (b) VALUES (randomblob(300))");
      say("ready");
      for (const end = Date.now() + 1000; Date.now() < end; ) insert.run();
      db.close();`,
      path,
    );
    await child.next();
    const shm = BorrowedFile.find(`${path}-shm`);
    if (shm === undefined) throw new Error("no -shm");
    let looks = 0;
    let done = false;
    void child.exited.then(() => {
      done = true;
    });
    const seen = new Set<string>();
    while (!done) {
      for (let i = 0; i < 2000; i++, looks++) {
        const header = shm.batch((readAt) => readWALIndexHeader(readAt));
        if (header === undefined) throw new Error(`no header at look ${looks}`);
        if (header.backfilledFrames > header.maxFrame) throw new Error("more frames in the file than there are");
        seen.add(`${header.salt1}:${header.maxFrame}`);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(seen.size).toBeGreaterThan(10);
    expect(byNoop(idle)().frames).toBe(shm.batch((readAt) => readWALIndexHeader(readAt))?.maxFrame);
  });
});
