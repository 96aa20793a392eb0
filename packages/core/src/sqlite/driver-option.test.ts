import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { isLSError } from "../errors.js";
import { checkDriverOption } from "./driver-option.js";
import { nodeSQLiteDriver, nodeSQLiteSupported } from "./node-sqlite.js";

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return isLSError(error) ? error.code : String(error);
  }
  return undefined;
}

it("takes constructors of drivers, and nothing else", () => {
  expect(checkDriverOption(undefined)).toBeUndefined();
  expect(checkDriverOption(Database)).toBe(Database);
  for (const wrong of [null, "node:sqlite", {}, class {}, () => {}, new Database(":memory:")]) {
    expect(codeOf(() => checkDriverOption(wrong))).toBe("LS_INVALID_OPTION");
  }
});

it.each([
  ["20.19.0", false],
  ["22.13.1", false],
  ["22.14.0", true],
  ["22.23.3", true],
  ["23.0.0", true],
  ["24.21.0", true],
])("node:sqlite on Node %s: %s", (version, supported) => {
  expect(nodeSQLiteSupported(version)).toBe(supported);
});

it.runIf(!nodeSQLiteSupported())("says which Node node:sqlite needs, and loads nothing", () => {
  expect(codeOf(() => nodeSQLiteDriver())).toBe("LS_DRIVER_REQUIRED");
});
