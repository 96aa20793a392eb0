import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import Database from "better-sqlite3";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("replicates a database to the URL it is given", async () => {
  using dir = tempDir("from-url");
  const app = new Database(dir.file("app.db"));
  app.exec("PRAGMA journal_mode = WAL; CREATE TABLE t (v); INSERT INTO t VALUES (42)");
  const url = `file://${dir.file("replica")}`;
  const { code, output } = await Program.run(MAIN, { cwd: dir.path, args: ["app.db", url] });
  app.close();
  expect(output).toContain(`app.db is at ${url} up to transaction 1`);
  expect(code).toBe(0);
  expect(await rowsInReplica(url, "SELECT v FROM t")).toEqual([{ v: 42 }]);
});

test("an unknown scheme is answered with the package to install", async () => {
  using dir = tempDir("from-url");
  const { code, output } = await Program.run(MAIN, { cwd: dir.path, args: ["app.db", "gs://bucket/app"] });
  expect(code).toBe(1);
  expect(output).toContain("LS_UNKNOWN_SCHEME");
  expect(output).toContain("@ls/backend-gcs");
});
