import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { heldLocks } from "../../../test/held-locks.js";
import { type SourceChild, sourceChild } from "../../../test/source-child.js";
import { isLSError } from "../../errors.js";
import { resolveDriver } from "../../sqlite/resolve.js";
import { DatabaseLock } from "./lock.js";

const driver = resolveDriver(Database);
const owner = { mode: 0o640, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

const ROUNDS = 5;

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ls-lock-"));
  path = join(directory, "lock");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function acquire(): DatabaseLock {
  return DatabaseLock.acquire(driver, path, owner);
}

function failure(): { code: string; message: string; details: Readonly<Record<string, unknown>> } {
  try {
    acquire().release();
  } catch (error) {
    if (isLSError(error)) return error;
    throw error;
  }
  throw new Error("the lock was free");
}

const modules = { lock: join(import.meta.dirname, "lock.ts"), resolve: join(import.meta.dirname, "../../sqlite/resolve.ts") };

/** A process that says "held", or the code of its failure, and holds on until it hears something. */
function holder(): SourceChild {
  return sourceChild(
    modules,
    `const driver = resolve.resolveDriver(undefined);
    say("ready"); await heard();
    try {
      const held = lock.DatabaseLock.acquire(driver, data.path, data.owner);
      say("held"); await heard(); held.release(); say("released");
    } catch (error) { say([error.code, error.details.pid ?? null]); }`,
    { path, owner },
  );
}

async function holding(): Promise<SourceChild> {
  const child = holder();
  await child.next();
  child.go();
  expect(await child.next()).toBe("held");
  return child;
}

describe("DatabaseLock", () => {
  it("is held once per process, can be released and taken again, and release is idempotent", () => {
    const lock = acquire();
    expect(lock.holder).toMatchObject({ pid: process.pid, host: hostname() });
    const error = failure();
    expect(error.code).toBe("LS_LOCKED");
    expect(error.message).toContain("this process");
    expect(error.details).toMatchObject({ pid: process.pid, host: hostname() });
    // The failed attempt must not have cost the lock: the file was not even opened.
    expect(failure().code).toBe("LS_LOCKED");
    lock.release();
    lock.release();
    acquire().release();
  });

  it.runIf(process.platform === "linux")("keeps its kernel lock while this process is refused", () => {
    const lock = acquire();
    const before = heldLocks(path);
    expect(before.length).toBeGreaterThan(0);
    failure();
    expect(heldLocks(path)).toEqual(before);
    lock.release();
    expect(heldLocks(path)).toEqual([]);
  });

  it.runIf(process.platform !== "win32")("gives the file the database's mode", () => {
    acquire().release();
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  it("names the other process, and is free as soon as that one is killed", { timeout: 60_000 }, async () => {
    const child = await holding();
    const error = failure();
    expect(error.code).toBe("LS_LOCKED");
    expect(error.details).toMatchObject({ pid: child.process.pid, host: hostname(), path });
    expect(Number(error.details.startedMs)).toBeGreaterThan(Date.now() - 60_000);
    child.process.kill("SIGKILL");
    expect(await child.exited).toBe("SIGKILL");
    acquire().release();
  });

  it("is free after an orderly release in another process", { timeout: 60_000 }, async () => {
    const child = await holding();
    child.go();
    expect(await child.next()).toBe("released");
    expect(await child.exited).toBe(0);
    const lock = acquire();
    expect(lock.holder.pid).toBe(process.pid);
    lock.release();
  });

  it("can be taken whatever a killed process was doing with it", { timeout: 60_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const child = sourceChild(
        modules,
        `const driver = resolve.resolveDriver(undefined);
        say("ready");
        for (;;) lock.DatabaseLock.acquire(driver, data.path, data.owner).release();`,
        { path, owner },
      );
      await child.next();
      await new Promise((resolve) => setTimeout(resolve, 3 + round * 1.7));
      child.process.kill("SIGKILL");
      await child.exited;
      acquire().release();
    }
  });

  it("[P5] is won by exactly one of several processes that start together", { timeout: 60_000 }, async () => {
    const children = [holder(), holder(), holder(), holder()];
    for (const child of children) await child.next();
    for (const child of children) child.go();
    const answers = await Promise.all(children.map((child) => child.next()));
    expect(answers.filter((answer) => answer === "held")).toHaveLength(1);
    for (const answer of answers) if (answer !== "held") expect(answer).toEqual(["LS_LOCKED", expect.anything()]);
    // The others have ended, or are about to.
    children[answers.indexOf("held")]?.go();
    await Promise.all(children.map((child) => child.exited));
  });

  it("is refused across threads of one process", { timeout: 60_000 }, async () => {
    const child = sourceChild(
      modules,
      `const driver = resolve.resolveDriver(undefined);
      const held = lock.DatabaseLock.acquire(driver, data.path, data.owner);
      await thread(
        \`try { lock.DatabaseLock.acquire(resolve.driverFromSpec(data.spec), data.path, data.owner); say("taken twice"); }
        catch (error) { say([error.code, error.details.pid === process.pid]); }\`, { ...data, spec: driver.spec });
      say("still held"); await heard(); held.release();`,
      { path, owner },
    );
    expect(await child.next()).toEqual(["LS_LOCKED", true]);
    expect(await child.next()).toBe("still held");
    expect(failure().details.pid).toBe(child.process.pid);
    child.go();
    await child.exited;
  });

  it("that rests is refused to others in this thread, and unbroken when nobody had it meanwhile", () => {
    const held = acquire();
    const rested = held.rest();
    expect(failure().code).toBe("LS_LOCKED");
    const { lock, unbroken } = DatabaseLock.resume(driver, rested, owner);
    expect(unbroken).toBe(true);
    expect(lock.holder).toEqual(held.holder);
    expect(failure().details).toMatchObject({ pid: process.pid });
    lock.release();
    acquire().release();
  });

  it("that rests is broken by another process that had it meanwhile", { timeout: 60_000 }, async () => {
    const rested = acquire().rest();
    const child = await holding();
    expect(() => DatabaseLock.resume(driver, rested, owner)).toThrow(
      expect.objectContaining({ code: "LS_LOCKED", details: expect.objectContaining({ pid: child.process.pid }) }),
    );
    child.go();
    expect(await child.next()).toBe("released");
    const { lock, unbroken } = DatabaseLock.resume(driver, rested, owner);
    expect(unbroken).toBe(false);
    expect(lock.holder.pid).toBe(process.pid);
    // From here on it is one's own again.
    const again = DatabaseLock.resume(driver, lock.rest(), owner);
    expect(again.unbroken).toBe(true);
    again.lock.release();
    await child.exited;
  });

  it("that rests is not broken by a copy of its file in its place, but by one with the same mark that somebody else had", () => {
    const rested = acquire().rest();
    const copy = `${path}.copy`;
    const replace = (sql: string): void => {
      copyFileSync(path, copy);
      const file = new Database(copy);
      file.exec(sql);
      file.close();
      renameSync(copy, path);
    };
    replace("PRAGMA user_version");
    const first = DatabaseLock.resume(driver, rested, owner);
    expect(first.unbroken).toBe(true);
    expect(first.lock.isInPlace()).toBe(true);
    const again = first.lock.rest();
    replace("UPDATE holder SET token = 'another'");
    const second = DatabaseLock.resume(driver, again, owner);
    expect(second.unbroken).toBe(false);
    second.lock.release();
  });

  it("says what is wrong with the file, and leaves it alone", () => {
    writeFileSync(path, "this is not a database, and long enough to be taken for one by nobody".repeat(20));
    const before = readFileSync(path);
    expect(failure().code).toBe("LS_STORAGE_UNAVAILABLE");
    expect(readFileSync(path)).toEqual(before);
    rmSync(path);
    path = join(directory, "absent", "lock");
    expect(failure().code).toBe("LS_STORAGE_UNAVAILABLE");
  });
});
