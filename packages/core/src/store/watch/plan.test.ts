import { describe, expect, test } from "vitest";
import { isCompanion, matcherOf } from "./names.js";
import { type FileState, planWatch } from "./plan.js";

const WAITING: FileState = { kind: "waiting", stamp: "1" };
const IGNORED: FileState = { kind: "ignored" };
const MEMBER: FileState = { kind: "member" };
const LEAVING: FileState = { kind: "leaving" };
const refused = (nextMs: number): FileState => ({ kind: "refused", nextMs, error: { code: "LS_CONFLICT", message: "", retryable: false } });

describe("what follows from a look", () => {
  test.each<[string, Record<string, FileState>, string[], string[], { look?: string[]; gone?: string[]; forget?: string[] }]>([
    ["new files, in order", {}, ["/d/b", "/d/a"], [], { look: ["/d/a", "/d/b"] }],
    ["one that waits is looked at again", { "/d/a": WAITING }, ["/d/a"], [], { look: ["/d/a"] }],
    ["members, those that leave, and those left alone are not", { "/d/a": MEMBER, "/d/b": LEAVING, "/d/c": IGNORED }, ["/d/a", "/d/b", "/d/c"], [], {}],
    ["refused: when its time has come", { "/d/a": refused(100), "/d/b": refused(101) }, ["/d/a", "/d/b"], [], { look: ["/d/a"] }],
    ["gone", { "/d/a": MEMBER, "/d/b": WAITING, "/d/c": refused(1), "/d/d": LEAVING }, [], [], { gone: ["/d/a"], forget: ["/d/b", "/d/c"] }],
    ["an unreadable directory keeps what is below it", { "/d/x/a": MEMBER, "/d/xy/b": MEMBER }, [], ["/d/x"], { gone: ["/d/xy/b"] }],
    ["also the root of everything", { "/a": MEMBER }, [], ["/"], {}],
  ])("%s", (_, known, files, unlisted, expected) => {
    const plan = planWatch(new Map(Object.entries(known)), { files: new Set(files), unlisted, separator: "/" }, 100);
    expect(plan).toEqual({ look: [], gone: [], forget: [], ...expected });
  });
});

test.each([
  ["*.db", "a.db", true],
  ["*.db", "tenant/a.db", true],
  ["*.db", ".hidden.db", true],
  ["*.db", "a.sqlite", false],
  ["*.{db,sqlite}", "x/y/a.sqlite", true],
  ["tenants/*/app.db", "tenants/1/app.db", true],
  ["tenants/*/app.db", "app.db", false],
  ["tenants/*/app.db", "tenants/1/2/app.db", false],
  ["tenants/**/app.db", "tenants/1/2/app.db", true],
  ["*", "x/anything at all", true],
])("%s and %s: %s", (pattern, path, matches) => {
  expect(matcherOf([pattern])(path)).toBe(matches);
  expect(matcherOf(["nothing", pattern])(path)).toBe(matches);
});

test.each(["app.db-wal", "app.db-shm", "app.db-journal", ".app.db-litestream", "app.db.0123456789abcdef.tmp", "app.db.tmp"])(
  "K5: %s is no database",
  (name) => {
    expect(isCompanion(name)).toBe(true);
  },
);

test.each(["app.db", "-wal.db", "journal", "litestream", "my-litestream", ".hidden"])("%s may be one", (name) => {
  expect(isCompanion(name)).toBe(false);
});
