import { readdirSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { FileReplicaClient } from "../../backend-file/src/client.js";
import { DB } from "../src/db/db.js";
import { Replica } from "../src/replica/replica.js";
import { restore } from "../src/restore/restore.js";
import { Store } from "../src/store/store.js";
import { openWAL, tempDirectory } from "./harness.js";
import { sourceChild } from "./source-child.js";

const source = (name: string): string => join(import.meta.dirname, "..", "src", name);
const modules = {
  db: source("db/db.ts"),
  replica: source("replica/replica.ts"),
  store: source("store/store.ts"),
  file: join(import.meta.dirname, "..", "..", "backend-file", "src", "client.ts"),
};
/** The last part of every script: `dbs`, which never rest, and their `events`. */
const setUp = `
  const Database = require("better-sqlite3");
  const events = [];
  const dbs = data.paths.map((path) => {
    const client = new file.FileReplicaClient({ path: path + "-replica" });
    return new db.DB(path, { replica: new replica.Replica(client, { syncIntervalMs: 50 }), driver: Database, host: "inline", restAfterMs: data.restAfterMs });
  });
  const all = new store.Store(dbs, { onEvent: (event) => events.push(event) });
  const until = async (condition) => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const isSynced = (one) => {
    const { localTXID, remoteTXID, lagMs } = one.status();
    return localTXID > 0n && localTXID === remoteTXID && lagMs === 0;
  };
  const failed = () => events.filter(({ type }) => ["open-failed", "attach-failed", "upload-failed", "keeping-failed", "failed", "warning"].includes(type));`;

function makeDatabases(directory: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => {
    const path = join(directory, `${i}.db`);
    openWAL(path).exec(`CREATE TABLE t (v); INSERT INTO t VALUES ('first of ${i}')`).close();
    return path;
  });
}

async function rowsIn(path: string, outputPath: string): Promise<unknown[]> {
  await restore(new FileReplicaClient({ path: `${path}-replica` }), { outputPath, integrityCheck: "full", driver: Database });
  const restored = new Database(outputPath, { readonly: true });
  try {
    return restored.prepare("SELECT v FROM t ORDER BY rowid").pluck().all();
  } finally {
    restored.close();
  }
}

test.skipIf(process.platform === "win32")(
  "[K11] out of descriptors: it is reported and tried again, the others go on, and no state is given up",
  async () => {
    using directory = tempDirectory();
    const paths = makeDatabases(directory.path, 30);
    const before = paths.map(
      (path) => new DB(path, { replica: new Replica(new FileReplicaClient({ path: `${path}-replica` })), driver: Database, host: "inline" }),
    );
    const store = new Store(before);
    await store.open();
    await store.close();
    for (const path of paths) openWAL(path).exec("INSERT INTO t VALUES ('second')").close();

    const script = `${setUp}
      // Open before: at the limit there may be no descriptor left for the application either.
      const first = dbs.slice(0, 3).map((one) => ({ one, app: new Database(one.path) }));
      for (const { app } of first) app.pragma("user_version");
      await all.open();
      await until(() => failed().length > 0 && dbs.filter(isSynced).length >= 5 && first.every(({ one }) => isSynced(one)));
      const going = dbs.filter(isSynced);
      for (const { one, app } of first) {
        app.exec("INSERT INTO t VALUES ('third')");
        // By itself, whatever it takes: at the limit a call may find nothing left for its file.
        await until(() => one.status().remoteTXID === 3n);
        app.close();
      }
      say({ going: going.length, third: first.map(({ one }) => one.path) });
      while (all.status().databases.length > 0) {
        await until(() => dbs.some(isSynced));
        for (const one of dbs.filter(isSynced)) {
          await all.remove(one);
          dbs.splice(dbs.indexOf(one), 1);
        }
      }
      await all.close();
      say(failed().map(({ type, error, message, code }) => [type, error?.code ?? code, error?.message ?? message].join(" ")));`;
    const child = sourceChild(modules, script, { paths, restAfterMs: 0 }, { descriptors: 256 });
    try {
      // `as` (twice): what the script says.
      const { going, third } = (await child.next()) as { going: number; third: readonly string[] };
      expect(going).toBeLessThan(paths.length);
      const failures = (await child.next()) as readonly string[];
      expect(failures.filter((failure) => !failure.includes("EMFILE"))).toEqual([]);
      expect(await child.exited).toBe(0);
      for (const [i, path] of paths.entries()) {
        expect(await rowsIn(path, join(directory.path, `${i}.restored`))).toEqual([`first of ${i}`, "second", ...(third.includes(path) ? ["third"] : [])]);
        // The history goes on where it was: one more file, and no image.
        expect(readdirSync(join(`${path}-replica`, "ltx", "0"))).toHaveLength(third.includes(path) ? 3 : 2);
      }
    } finally {
      child.process.kill("SIGKILL");
    }
  },
  240_000,
);

test.skipIf(process.platform === "win32")(
  "a Store has more databases than the process may have descriptors",
  async () => {
    using directory = tempDirectory();
    const paths = makeDatabases(directory.path, 60);
    const script = `${setUp}
      await all.open();
      await until(() => dbs.every(isSynced));
      await all.close();
      say(failed());`;
    const child = sourceChild(modules, script, { paths, restAfterMs: 60_000 }, { descriptors: 256 });
    try {
      expect(await child.next()).toEqual([]);
      expect(await child.exited).toBe(0);
    } finally {
      child.process.kill("SIGKILL");
    }
  },
  240_000,
);
