import "@ls/backend-file";
import { execFileSync } from "node:child_process";
import { chownSync, copyFileSync, mkdirSync, readdirSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DB, type DBOptions, fromURL, Replica } from "@ls/core";
import { restore } from "@ls/core/restore";
import { Replicator, skipLoudly, tempDir, temporaryFiles, withDeadline } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { touchedFiles, treeState } from "../src/untouched.js";

const NOBODY = 65_534;

function replicaAt(path: string): Replica {
  return new Replica(fromURL(pathToFileURL(path).href), { syncIntervalMs: 20 });
}

function makeDatabase(path: string, pageSize = 4096, rows = 50): void {
  const db = new Database(path);
  db.pragma(`page_size = ${pageSize}`);
  db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT)");
  const insert = db.prepare("INSERT INTO t(body) VALUES (?)");
  for (let i = 0; i < rows; i++) insert.run(`row ${i} ${"x".repeat(100)}`);
  db.close();
}

/** A replica of several files of a database that then goes on unreplicated. */
async function makeReplica(path: string, replicaPath: string, cuts = 4): Promise<void> {
  makeDatabase(path);
  const db = new DB(path, { replica: replicaAt(replicaPath), host: "inline" });
  await db.open();
  const app = new Database(path);
  for (let i = 0; i < cuts; i++) {
    app.exec(`INSERT INTO t(body) VALUES ('cut ${i}')`);
    await db.syncAndWait();
  }
  app.close();
  await db.close();
}

/** Opens, asks for a durable sync, and gives the error that comes out of it; closes in any case. */
async function failureOf(path: string, replicaPath: string, options: Partial<DBOptions> = {}): Promise<unknown> {
  const db = new DB(path, { replica: replicaAt(replicaPath), host: "inline", shutdownTimeoutMs: 500, ...options });
  try {
    await db.open();
    await db.syncAndWait({ signal: AbortSignal.timeout(5_000) });
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await db.close().catch(() => {});
  }
}

describe("a file that is not a database that can be replicated", () => {
  it.each([
    ["text", (path: string) => writeFileSync(path, "this is not a database, but it is long enough to look at ".repeat(100)), "LS_NOT_A_DATABASE"],
    [
      "a header with an impossible page size",
      (path: string) => {
        makeDatabase(path);
        const db = new Database(path);
        const image = db.serialize();
        db.close();
        image.writeUInt16BE(1000, 16);
        writeFileSync(path, image);
      },
      "LS_NOT_A_DATABASE",
    ],
  ])("%s: an error with a code, and nothing is changed", async (_, make, code) => {
    using dir = tempDir("e");
    const path = dir.file("a.db");
    make(path);
    const before = treeState(dir.path);
    expect(await failureOf(path, dir.file("replica"))).toMatchObject({ code });
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });

  it.each([
    ["absent", () => {}],
    ["empty", (path: string) => writeFileSync(path, "")],
    [
      "in rollback-journal mode",
      (path: string) => {
        const db = new Database(path);
        db.exec("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
        db.close();
      },
    ],
  ])("%s: LS_NOT_READY, and nothing is changed", async (_, make) => {
    using dir = tempDir("e");
    const path = dir.file("a.db");
    make(path);
    const before = treeState(dir.path);
    expect(await failureOf(path, dir.file("replica"))).toMatchObject({ code: "LS_NOT_READY" });
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });

  it("cut short in the middle of a page: no replica that restores to something else", async () => {
    using dir = tempDir("e");
    const path = dir.file("a.db");
    makeDatabase(path, 4096, 400);
    truncateSync(path, 4096 * 5 + 100);
    const before = treeState(dir.path);
    const failure = await failureOf(path, dir.file("replica"));
    expect(failure).toMatchObject({ code: expect.stringMatching(/^LS_/) });
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });
});

describe("a destination that does not fit", () => {
  it("of another page size stays restorable, whatever happens to the new database", async () => {
    using dir = tempDir("e");
    await makeReplica(dir.file("a.db"), dir.file("replica"));
    makeDatabase(dir.file("b.db"), 1024);
    const before = treeState(dir.path);
    const failure = await failureOf(dir.file("b.db"), dir.file("replica"));
    expect(failure).toMatchObject({ code: expect.stringMatching(/^LS_/) });
    expect(touchedFiles(before, dir.path)).toEqual([]);
    const result = await restore(pathToFileURL(dir.file("replica")).href, { outputPath: dir.file("out.db"), integrityCheck: "full", driver: Database });
    expect(result.pageSize).toBe(4096);
  });

  it.each([
    ["a truncated file", (level: string, names: string[]) => truncateSync(join(level, names[2] ?? ""), 150)],
    [
      "two files under each other's names",
      (level: string, names: string[]) => {
        renameSync(join(level, names[1] ?? ""), join(level, "aside"));
        renameSync(join(level, names[2] ?? ""), join(level, names[1] ?? ""));
        renameSync(join(level, "aside"), join(level, names[2] ?? ""));
      },
    ],
    ["a file of another replica", (level: string, names: string[]) => copyFileSync(join(level, names[1] ?? ""), join(level, names[2] ?? ""))],
  ])("with %s: restore names it and leaves nothing", async (_, damage) => {
    using dir = tempDir("e");
    await makeReplica(dir.file("a.db"), dir.file("replica"));
    const level = join(dir.file("replica"), "ltx", "0");
    damage(level, readdirSync(level).sort());
    const before = treeState(dir.path);
    mkdirSync(dir.file("out"));
    await expect(restore(pathToFileURL(dir.file("replica")).href, { outputPath: dir.file("out", "o.db") })).rejects.toMatchObject({
      code: expect.stringMatching(/^LS_LTX_|^LS_TX_NOT_AVAILABLE$/),
    });
    expect(readdirSync(dir.file("out"))).toEqual([]);
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });

  it("taken by another database: LS_CONFLICT stops the first, and the history stays one", async () => {
    using dir = tempDir("e");
    const replicaPath = dir.file("replica");
    await makeReplica(dir.file("a.db"), replicaPath);
    await using first = new Replicator({ path: dir.file("a.db"), replicaPath, replica: { syncIntervalMs: 3_600_000 } });
    await withDeadline("the first replicator's start", 8_000, first.open());
    await withDeadline("the first replicator's sync", 5_000, first.syncAndWait());
    makeDatabase(dir.file("b.db"), 4096, 7);
    const second = new DB(dir.file("b.db"), { replica: replicaAt(replicaPath), host: "inline" });
    await withDeadline("the second replicator's start", 8_000, second.open());
    await withDeadline("the second replicator's sync", 5_000, second.syncAndWait());
    const app = new Database(dir.file("a.db"));
    app.exec("INSERT INTO t(body) VALUES ('written by the one that was overtaken')");
    app.close();
    await expect(withDeadline("the conflict", 5_000, first.syncAndWait())).rejects.toMatchObject({ code: "LS_CONFLICT" });
    await expect(first.close()).rejects.toMatchObject({ code: "LS_NOT_DURABLE" });
    await second.close();
    await restore(pathToFileURL(replicaPath).href, { outputPath: dir.file("out.db"), integrityCheck: "full", driver: Database });
    const restored = new Database(dir.file("out.db"), { readonly: true });
    expect(restored.prepare("SELECT count(*) FROM t").pluck().get()).toBe(7);
    restored.close();
  });
});

describe("options that make no sense", () => {
  it.each([
    ["an unknown option", { monitorIntervall: 5 }, /monitorIntervalMs/],
    ["a negative interval", { monitorIntervalMs: -1 }, /monitorIntervalMs/],
    ["an interval that would spin", { monitorIntervalMs: 1 }, /monitorIntervalMs/],
    ["an interval of years", { monitorIntervalMs: 1e12 }, /monitorIntervalMs/],
    ["an interval that is no number", { monitorIntervalMs: Number.NaN }, /monitorIntervalMs/],
    ["a host that does not exist", { host: "cloud" }, /host/],
    ["no pages", { minCheckpointPages: 0 }, /minCheckpointPages/],
  ])("[J13, J15] %s is refused at once, by name", (_, options, message) => {
    const make = (): DB => new DB("/nowhere/a.db", { replica: replicaAt("/nowhere/replica"), ...options } as DBOptions); // `as`: wrong on purpose
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "LS_INVALID_OPTION" }));
  });

  it("an absurd sync interval is refused by the replica", () => {
    const client = fromURL("file:///nowhere");
    for (const syncIntervalMs of [-5, 3, 1e10, Number.POSITIVE_INFINITY]) {
      expect(() => new Replica(client, { syncIntervalMs })).toThrow(expect.objectContaining({ code: "LS_INVALID_OPTION" }));
    }
  });

  it.each([
    ["no scheme", "/just/a/path", "LS_INVALID_URL"],
    ["a scheme that nobody serves", "gopher://host/x", "LS_UNKNOWN_SCHEME"],
    ["a scheme whose package is not imported", "s3://bucket/x", "LS_UNKNOWN_SCHEME"],
    ["a host and a port where the scheme should stand", "host:9000/bucket", "LS_INVALID_URL"],
    ["a path of Windows", "C:\\backups\\app", "LS_INVALID_URL"],
    ["a path where file:// should stand", "file:relative/path", "LS_INVALID_URL"],
    ["nothing", "", "LS_INVALID_URL"],
  ])("[J4] a URL with %s", (_, url, code) => {
    expect(() => fromURL(url)).toThrow(expect.objectContaining({ code }));
  });
});

describe("two replicators", () => {
  it.each([
    ["in one process", "inline"],
    ["in two processes", "process"],
  ])("on one database, %s: the second is LS_LOCKED and changes nothing", async (_, where) => {
    using dir = tempDir("e");
    const path = dir.file("a.db");
    await makeReplica(path, dir.file("replica"));
    await using holder = new Replicator({ path, replicaPath: dir.file("replica") });
    const inProcess = new DB(path, { replica: replicaAt(dir.file("replica")), host: "inline" });
    if (where === "process") await holder.open();
    else await inProcess.open();
    const second = new DB(path, { replica: replicaAt(dir.file("other")), host: "inline" });
    await expect(second.open()).rejects.toMatchObject({ code: "LS_LOCKED", message: expect.stringMatching(/pid|process/i) });
    await second.close();
    const app = new Database(path);
    app.exec("INSERT INTO t(body) VALUES ('still replicated')");
    app.close();
    if (where === "process") {
      await holder.syncAndWait();
      await holder.close();
    } else {
      await inProcess.syncAndWait();
      await inProcess.close();
    }
    expect(readdirSync(dir.path)).not.toContain("other");
  });
});

describe.skipIf(process.platform === "win32" || process.getuid?.() !== 0)("a directory that may not be written", () => {
  it("beside the database: LS_STORAGE_DENIED, and nothing is changed", async () => {
    using dir = tempDir("e");
    mkdirSync(dir.file("closed"));
    makeDatabase(dir.file("closed", "a.db"));
    chownSync(dir.file("closed"), NOBODY, NOBODY);
    mkdirSync(dir.file("replica"));
    const before = treeState(dir.path);
    await using replicator = new Replicator({ path: dir.file("closed", "a.db"), replicaPath: dir.file("replica"), unprivileged: true });
    await expect(replicator.open()).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    await replicator.kill();
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });

  it("where a lost database is to be restored: LS_STORAGE_DENIED, and nothing appears", async () => {
    using dir = tempDir("e");
    await makeReplica(dir.file("a.db"), dir.file("replica"));
    mkdirSync(dir.file("closed"));
    chownSync(dir.file("closed"), NOBODY, NOBODY);
    await using replicator = new Replicator({ path: dir.file("closed", "a.db"), replicaPath: dir.file("replica"), unprivileged: true });
    await expect(replicator.ensureExists()).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    await replicator.kill();
    expect(readdirSync(dir.file("closed"))).toEqual([]);
  });

  it("at the destination: LS_STORAGE_DENIED, and the database is untouched", async () => {
    using dir = tempDir("e");
    mkdirSync(dir.file("open"));
    makeDatabase(dir.file("open", "a.db"));
    mkdirSync(dir.file("replica"));
    chownSync(dir.file("replica"), NOBODY, NOBODY);
    const before = treeState(dir.path);
    await using replicator = new Replicator({ path: dir.file("open", "a.db"), replicaPath: dir.file("replica"), unprivileged: true });
    await expect(replicator.open().then(() => replicator.syncAndWait())).rejects.toMatchObject({ code: "LS_STORAGE_DENIED" });
    await replicator.kill();
    expect(touchedFiles(before, dir.path)).toEqual([]);
  });
});

/** Mounts a 1 MiB file system, or says loudly that this machine does not allow it. */
function mountSmall(path: string): boolean {
  mkdirSync(path);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return !skipLoudly("the right to mount a 1 MiB tmpfs", "run the tests as root in a container with CAP_SYS_ADMIN");
  }
}

describe.skipIf(process.platform !== "linux")("a full disk", () => {
  it.each(["replica", "meta"] as const)("under the %s: LS_DISK_FULL, no temporary file stays, and it goes on when there is room", async (what) => {
    using dir = tempDir("e");
    const small = dir.file("small");
    if (!mountSmall(small)) return;
    try {
      const path = dir.file("a.db");
      makeDatabase(path);
      const replicaPath = what === "replica" ? join(small, "replica") : dir.file("replica");
      const codes: string[] = [];
      const db = new DB(path, {
        replica: replicaAt(replicaPath),
        host: "inline",
        shutdownTimeoutMs: 1_000,
        ...(what === "meta" ? { metaPath: join(small, "meta") } : {}),
        onEvent: (event) => {
          if ("error" in event) codes.push(event.error.code);
          if (event.type === "paused") codes.push(event.reason);
        },
      });
      await db.open();
      await db.syncAndWait();
      writeFileSync(join(small, "ballast"), new Uint8Array(600_000));
      const app = new Database(path);
      app.exec("INSERT INTO t(body) SELECT hex(randomblob(4000)) FROM t, t LIMIT 300");
      await expect(db.syncAndWait({ signal: AbortSignal.timeout(1_500) })).rejects.toThrow();
      expect(
        codes.some((code) => code === "LS_DISK_FULL" || code === "disk-full"),
        codes.join(),
      ).toBe(true);
      // The application is not held up by it.
      app.exec("INSERT INTO t(body) VALUES ('still writable')");
      execFileSync("mount", ["-o", "remount,size=64m", small]);
      await withDeadline("the recovery from a full disk", 30_000, db.syncAndWait());
      expect(temporaryFiles(small)).toEqual([]);
      app.close();
      await db.close();
      const result = await restore(pathToFileURL(replicaPath).href, { outputPath: dir.file("out.db"), integrityCheck: "full", driver: Database });
      expect(result.pageCount).toBeGreaterThan(100);
    } finally {
      execFileSync("umount", ["-l", small]);
    }
  });
});
