import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

test("a program given to node as text: its --input-type does not reach the worker thread, which would die of it", async () => {
  using dir = tempDir("evaluated");
  const program = `
    import Database from "better-sqlite3";
    import { DB, fromURL, Replica } from "@ls/core";
    import "@ls/backend-file";
    const [path, url] = process.argv.slice(1);
    const app = new Database(path);
    app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (1)");
    const db = new DB(path, { replica: new Replica(fromURL(url)), onEvent: (event) => event.type === "warning" && console.log(event.code) });
    await db.open();
    await db.syncAndWait({ signal: AbortSignal.timeout(20_000) });
    await db.close();`;
  const url = `file://${dir.file("replica")}`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program, dir.file("app.db"), url], { cwd: join(import.meta.dirname, "..") });
  expect(stdout).toBe("");
  expect(await rowsInReplica(url, "SELECT v FROM t")).toEqual([{ v: 1 }]);
});
