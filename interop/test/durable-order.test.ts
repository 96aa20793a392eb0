import { dirname } from "node:path";
import { FileReplicaClient } from "@ls/backend-file/client";
import { DB, Replica } from "@ls/core";
import { restore } from "@ls/core/restore";
import { tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { describe, expect, it, vi } from "vitest";

/** What the file system is asked for, in order. It has to be watched before any module takes its functions. */
const log = vi.hoisted(() => {
  const fs = process.getBuiltinModule("node:fs");
  const calls: ({ readonly call: "sync"; readonly path: string } | { readonly call: "name"; readonly from: string; readonly to: string })[] = [];
  const pathOf = (fd: number): string => fs.readlinkSync(`/proc/self/fd/${fd}`);
  // `as` (here and below): a function of the file system, whatever its signature.
  type Any = (...args: never[]) => unknown;
  const watch = (owner: object, name: string, note: (self: unknown, args: readonly unknown[]) => void): void => {
    const original = Reflect.get(owner, name) as Any;
    Reflect.set(owner, name, function (this: unknown, ...args: never[]) {
      note(this, args);
      return original.apply(this, args);
    });
  };
  if (process.platform === "linux") {
    for (const name of ["fsyncSync", "fdatasyncSync", "fsync", "fdatasync"])
      watch(fs, name, (_, [fd]) => calls.push({ call: "sync", path: pathOf(Number(fd)) }));
    for (const owner of [fs, fs.promises]) {
      for (const name of ["rename", "link"]) watch(owner, name, (_, [from, to]) => calls.push({ call: "name", from: String(from), to: String(to) }));
    }
    for (const name of ["renameSync", "linkSync"]) watch(fs, name, (_, [from, to]) => calls.push({ call: "name", from: String(from), to: String(to) }));
    const open = fs.promises.open;
    let isWatched = false;
    Reflect.set(fs.promises, "open", async (...args: Parameters<typeof open>) => {
      const handle = await open(...args);
      if (!isWatched) {
        isWatched = true;
        for (const name of ["sync", "datasync"]) {
          watch(Object.getPrototypeOf(handle), name, (self) => calls.push({ call: "sync", path: pathOf((self as { readonly fd: number }).fd) }));
        }
      }
      return handle;
    });
    process.getBuiltinModule("node:module").syncBuiltinESMExports();
  }
  return calls;
});

describe.skipIf(process.platform !== "linux")("a file gets its name", () => {
  it("[A34, F17] after its bytes are durable, and the name is made durable before anything else relies on it", async () => {
    using dir = tempDir("durable");
    const path = dir.file("app.db");
    const app = new Database(path);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
    const client = new FileReplicaClient({ path: dir.file("replica") });
    const db = new DB(path, { replica: new Replica(client), driver: Database, host: "inline" });
    await db.open();
    for (let i = 0; i < 3; i++) {
      app.exec("INSERT INTO t (v) VALUES (randomblob(5000))");
      await db.syncAndWait();
    }
    await db.snapshot();
    await db.close();
    await restore(new FileReplicaClient({ path: dir.file("replica") }), { outputPath: dir.file("restored.db") });
    app.close();

    const named = log.filter((one) => one.call === "name");
    for (const part of ["/replica/", "-litestream/ltx/0/", "-litestream/ls/pages", "/restored.db"]) {
      expect(named.filter(({ to }) => to.includes(part)).length, part).toBeGreaterThan(0);
    }
    for (const [i, one] of log.entries()) {
      // The lock says who lives, and after a power cut nobody does: without its file it is made anew.
      if (one.call !== "name" || one.to.endsWith("/ls/lock")) continue;
      const syncs = (part: typeof log, of: string): boolean => part.some((other) => other.call === "sync" && other.path === of);
      expect(syncs(log.slice(0, i), one.from), `${one.from} is synced before it is renamed`).toBe(true);
      const next = log.findIndex((other, at) => at > i && other.call === "name" && dirname(other.to) === dirname(one.to));
      expect(syncs(log.slice(i, next < 0 ? undefined : next), dirname(one.to)), `the directory of ${one.to} is synced after it`).toBe(true);
    }
  });
});
