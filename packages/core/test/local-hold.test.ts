import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Slicer } from "../src/concurrency/slicer.js";
import { LocalHold } from "../src/db/engine/local-hold.js";
import { isLSError } from "../src/errors.js";
import { resolveDriver } from "../src/sqlite/resolve.js";
import { settingsFor, tempDirectory } from "./harness.js";

let directory: ReturnType<typeof tempDirectory>;
let staged: string;
let hold: LocalHold;

beforeEach(async () => {
  directory = tempDirectory();
  const path = join(directory.path, "db");
  writeFileSync(path, "");
  const settings = settingsFor(path);
  staged = join(settings.metaPath, "ltx", "0");
  hold = new LocalHold(settings, resolveDriver(undefined));
  await hold.open(new Slicer());
  hold.letGo();
});
afterEach(() => {
  hold.release();
  directory[Symbol.dispose]();
});

test("level-0 files that cannot be listed when the lock is taken up again: what lies there counts the next time", async () => {
  rmSync(staged, { recursive: true });
  writeFileSync(staged, "");
  await expect(hold.takeUp(new Slicer())).rejects.toSatisfy((error) => isLSError(error, "LS_STORAGE_UNAVAILABLE"));
  rmSync(staged);
  expect(await hold.takeUp(new Slicer())).toBe(false);
  expect(await hold.takeUp(new Slicer())).toBe(true);
});

test("a directory that was deleted meanwhile is made again, and what was in it is not taken for known", async () => {
  rmSync(staged, { recursive: true });
  expect(await hold.takeUp(new Slicer())).toBe(false);
  expect(existsSync(staged)).toBe(true);
});
