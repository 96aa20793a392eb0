import { existsSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Program, rowsInReplica, tempDir } from "@ls/testkit";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

test("a lost database is back before the application opens it", async () => {
  using dir = tempDir("ensure");
  const run = async (): Promise<string> => (await Program.run(MAIN, { cwd: dir.path })).output;
  expect(await run()).toBe("There is no backup yet: a new database.\nVisit number 1.\n");
  expect(await run()).toBe("The database is here.\nVisit number 2.\n");
  dir.remove("visits.db", "visits.db-wal", "visits.db-shm", ".visits.db-litestream");
  expect(await run()).toBe("The database was lost, and is back.\nVisit number 3.\n");
  expect(await rowsInReplica(`file://${dir.file("replica")}`, "SELECT count(*) AS visits FROM visit")).toEqual([{ visits: 3 }]);
});

test("a destination that does not answer is an error, never an empty start", async () => {
  using dir = tempDir("ensure");
  writeFileSync(dir.file("replica"), "not a directory");
  const { code, output } = await Program.run(MAIN, { cwd: dir.path });
  expect(code).toBe(1);
  expect(output).toContain("LS_STORAGE");
  expect(existsSync(dir.file("visits.db"))).toBe(false);
});
